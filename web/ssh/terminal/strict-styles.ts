/**
 * xterm.js writes rules into <style> elements and colours into style attributes, and a Content-Security-Policy without
 * inline styles forbids both. What it means by them is allowed: sheets that script makes, and `element.style`.
 */

let isDone = false;

/** From now on, in all of the page: what the policy would refuse does its work. */
export function keepStylePolicy(): void {
  if (isDone) return;
  isDone = true;
  const createElement = document.createElement.bind(document);
  document.createElement = (tag: string, options?: ElementCreationOptions) =>
    tag === 'style' ? sheetElement(createElement('template')) : createElement(tag, options);
  HTMLSpanElement.prototype.setAttribute = function (name: string, value: string) {
    if (name === 'style') this.style.cssText = value;
    else Element.prototype.setAttribute.call(this, name, value);
  };
}

/** Stands where a <style> would, and shows nothing; its text is a sheet of the document. */
function sheetElement(element: HTMLElement): HTMLElement {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  Object.defineProperty(element, 'textContent', {
    get: () => '',
    set: (rules: string) => sheet.replaceSync(rules),
  });
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
    Element.prototype.remove.call(element);
  };
  return element;
}
