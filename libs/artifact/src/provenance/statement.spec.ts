import { assert, constantFrom, integer, nat, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newKey } from '../../test/tuf-repository.js';
import { type Envelope, envelopeSchema, preAuthEncoding, signEnvelope, verifyEnvelope } from './dsse.js';
import { keyIdOf, type PublicKey, publicKeyOf } from './keys.js';
import { type Publication, signPublication, statementPayloadType, verifyPublication } from './statement.js';

const key = newKey();
const publicKey = publicKeyOf(key);
const known = new Map([[keyIdOf(publicKey), publicKey]]);
const publication: Publication = {
  name: 'acme/thumb',
  version: '1.0.0+build',
  digest: `sha256:${'ab'.repeat(32)}`,
};
const envelope = signPublication(publication, key);
const refused = (code = 'signature-invalid') => expect.objectContaining({ code });

/** Base64 with one byte behind it changed. */
function alter(text: string, at: number, by: number): string {
  const bytes = Buffer.from(text, 'base64');
  bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ by;
  return bytes.toString('base64');
}

describe('the signature of a publisher', () => {
  it('is over type and text with their lengths, as DSSE has it', () => {
    expect(preAuthEncoding('http://example.com/HelloWorld', Buffer.from('hello world')).toString()).toBe(
      'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
    );
  });

  it('holds for the version and the bytes it was made for, and for nothing else', () => {
    expect(verifyPublication(envelopeSchema.parse(envelope), publication, known)).toEqual([...known.keys()]);
    for (const other of [
      { ...publication, name: 'acme/other' },
      { ...publication, version: '1.0.0' },
      { ...publication, version: '1.0.1' },
      { ...publication, digest: `sha256:${'ac'.repeat(32)}` as const },
    ]) {
      expect(() => verifyPublication(envelope, other, known)).toThrow(refused());
    }
  });

  it('holds by a known key only, whatever the envelope calls it', () => {
    const stranger = newKey();
    expect(() => verifyPublication(signPublication(publication, stranger), publication, known)).toThrow(
      refused(),
    );
    const [signature] = signPublication(publication, stranger).signatures;
    const [own] = envelope.signatures;
    const renamed = { ...envelope, signatures: [{ keyid: own?.keyid ?? '', sig: signature?.sig ?? '' }] };
    expect(() => verifyPublication(renamed, publication, known)).toThrow(refused());
    const mislabelled = new Map([[own?.keyid ?? '', publicKeyOf(stranger)]]);
    expect(() => verifyPublication(renamed, publication, mislabelled)).toThrow(refused());
  });

  it('counts a key once, however often it signed', () => {
    const twice = { ...envelope, signatures: [...envelope.signatures, ...envelope.signatures] };
    expect(() => verifyEnvelope(twice, statementPayloadType, known, 2)).toThrow(refused());
    const other = newKey();
    const both = new Map([...known, [keyIdOf(publicKeyOf(other)), publicKeyOf(other)] as const]);
    const signed = signEnvelope(statementPayloadType, Buffer.from('{}'), [key, other]);
    expect(verifyEnvelope(signed, statementPayloadType, both, 2).keyIds).toHaveLength(2);
  });

  it('is nothing once anything of it is another one', () => {
    assert(
      property(constantFrom('payload', 'sig'), nat(), integer({ min: 1, max: 255 }), (part, at, by) => {
        const signatures = envelope.signatures.map(({ keyid, sig }) => ({
          keyid,
          sig: part === 'sig' ? alter(sig, at, by) : sig,
        }));
        const payload = part === 'payload' ? alter(envelope.payload, at, by) : envelope.payload;
        expect(() => verifyPublication({ ...envelope, payload, signatures }, publication, known)).toThrow(
          refused(),
        );
      }),
    );
    const typed: Envelope = { ...envelope, payloadType: 'application/json' };
    expect(() => verifyPublication(typed, publication, known)).toThrow(refused());
  });

  it.each(['{}', 'null', '[]', '\u0000', '{"_type":"https://in-toto.io/Statement/v0.1"}', '{"subject":[]}'])(
    'is refused over %j, which is no statement',
    (text) => {
      const signed = signEnvelope(statementPayloadType, Buffer.from(text), [key]);
      expect(() => verifyPublication(signed, publication, known)).toThrow(refused());
    },
  );

  it('proves nothing by a key of small order, which signs any text', () => {
    const weak: PublicKey = {
      keytype: 'ed25519',
      scheme: 'ed25519',
      keyval: { public: `01${'00'.repeat(31)}` },
    };
    const keyid = keyIdOf(weak);
    const sig = Buffer.concat([Buffer.from(`01${'00'.repeat(31)}`, 'hex'), Buffer.alloc(32)]).toString(
      'base64',
    );
    const forged = { ...envelope, signatures: [{ keyid, sig }] };
    expect(() => verifyPublication(forged, publication, new Map([[keyid, weak]]))).toThrow(refused());
  });
});
