/**
 * One form for paths that name the same: letters beyond ASCII composed (Unicode NFC), as the names of models are. Names of files on macOS
 * often come decomposed. Node refuses paths that are not percent-encoded. Pure.
 */

const beyondAscii = /%[89a-f][0-9a-f]/i;
/** Letters beyond ASCII, with the character before them, encoded or not, which a combining mark belongs to: U+0338 strikes through signs. */
const letters = /(?:%[0-7][0-9a-f]|[a-z<=>])?(?:%[89a-f][0-9a-f])+/gi;

export function pathInOneForm(url: string): string {
  return beyondAscii.test(url) ? url.replace(letters, composed) : url;
}

/** The same text in composed letters; bytes that are no UTF-8 stay, and are refused by the router. */
function composed(text: string): string {
  try {
    return encodeURIComponent(decodeURIComponent(text).normalize('NFC'));
  } catch {
    return text;
  }
}
