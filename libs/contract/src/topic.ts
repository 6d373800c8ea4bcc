/**
 * Topics are words apart by points, as subjects of NATS are: `meters.a1.total`. A filter may have `*` for one word and
 * `>` at its end for one or more: `meters.*.total`, `meters.>`.
 */
export const topicMaxLength = 200;
const maxWords = 16;
const wordPattern = /^[A-Za-z0-9_-]+$/;

export function isTopic(text: string): boolean {
  const words = wordsOf(text);
  return words !== undefined && words.every((word) => wordPattern.test(word));
}

export function isTopicFilter(text: string): boolean {
  const words = wordsOf(text);
  if (words === undefined) return false;
  return words.every(
    (word, index) => wordPattern.test(word) || word === '*' || (word === '>' && index === words.length - 1),
  );
}

export function matchesTopic(filter: string, topic: string): boolean {
  const wanted = filter.split('.');
  const words = topic.split('.');
  for (const [index, want] of wanted.entries()) {
    if (want === '>') return words.length > index;
    if (index >= words.length || (want !== '*' && want !== words[index])) return false;
  }
  return wanted.length === words.length;
}

function wordsOf(text: string): string[] | undefined {
  if (text === '' || text.length > topicMaxLength) return undefined;
  const words = text.split('.');
  return words.length > maxWords ? undefined : words;
}
