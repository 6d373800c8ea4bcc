import { type Principal, principalKey } from '@proxylet/auth';
import { Problem, quote } from '@proxylet/contract';

const keyForm = /^(?:(?:user|service)\||role:)https?:\/\/[^|\s]+\|.+$/;
const maxKeyLength = 600;

/**
 * Key of a member as an owner writes it: a subject alone means a user of the owner's own issuer.
 *
 * @param pointer of the text, for the problem
 * @throws Problem `invalid-request`
 */
export function memberKey(member: string, { issuer }: Pick<Principal, 'issuer'>, pointer: string): string {
  const key = member.includes('|') ? member : principalKey('user', issuer, member);
  if (key.length <= maxKeyLength && keyForm.test(key) && key.isWellFormed() && !/\p{Cc}/u.test(key))
    return key;
  throw new Problem(
    'invalid-request',
    `${quote(member)} is neither a subject nor of the form user|issuer|subject, service|issuer|client or role:issuer|name.`,
    {
      errors: [
        {
          pointer,
          detail: 'must be a subject, user|issuer|subject, service|issuer|client or role:issuer|name',
        },
      ],
    },
  );
}
