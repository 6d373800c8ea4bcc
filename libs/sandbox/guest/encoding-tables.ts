import { host } from './host.js';

/**
 * Tables of legacy encodings, in place of the library's own file: 150 KB that stay in the runner until a guest
 * decodes such a text. The build puts this module there.
 */
// oxlint-disable-next-line import/no-default-export -- stands in for a file of the library that has one
export default function loadEncodings(): unknown {
  return JSON.parse(host().encodings());
}
