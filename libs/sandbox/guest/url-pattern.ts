/**
 * URL Pattern standard, from the library; 18 KB that most guests never use, so that its module body runs when the
 * global is first read. The bundler turns this `require` into a call.
 */
declare const require: (specifier: string) => { readonly URLPattern: unknown };

export function loadUrlPattern(): unknown {
  // The package's entry would put itself on the global; this module only defines the class.
  return require('urlpattern-polyfill/urlpattern').URLPattern;
}
