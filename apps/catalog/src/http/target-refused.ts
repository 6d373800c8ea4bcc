/** Why a request was not made; the sentence holds nothing of the inside of this network. */
export class TargetRefused extends Error {
  override readonly name = 'TargetRefused';
}
