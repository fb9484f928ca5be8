(() => {
  const found = [];
  const name = (e) => e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") + (e.className && e.className.baseVal === undefined ? "." + e.className : "") +
    " " + JSON.stringify((e.innerText || "").slice(0, 40));
  const seen = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const all = (selector) => [...document.querySelectorAll(selector)].filter(seen);

  // Names.
  if (!document.documentElement.lang) found.push("the page has no language");
  if (!document.title) found.push("the page has no title");
  for (const e of all("input:not([type=hidden]), select, textarea")) {
    if (!e.labels?.length && !e.getAttribute("aria-label")) found.push("no label: " + name(e));
  }
  for (const e of all("a[href], button, summary")) {
    if (!(e.innerText.trim() || e.getAttribute("aria-label"))) found.push("no name: " + name(e));
  }
  for (const e of document.querySelectorAll("img")) if (!e.hasAttribute("alt")) found.push("no alt: " + name(e));
  for (const e of document.querySelectorAll("svg")) {
    if (!e.getAttribute("aria-label") && e.getAttribute("aria-hidden") !== "true") found.push("a drawing without a name");
  }
  for (const e of document.querySelectorAll("table")) {
    if (!e.querySelector("th[scope]")) found.push("a table without headers: " + name(e));
  }
  for (const e of document.querySelectorAll("[aria-describedby], [aria-labelledby]")) {
    for (const id of (e.getAttribute("aria-describedby") || e.getAttribute("aria-labelledby")).split(" ")) {
      if (!document.getElementById(id)) found.push("aria names a missing element: " + id);
    }
  }
  if (!document.querySelector("main") || !document.querySelector("nav[aria-label]")) found.push("a landmark is missing");

  // Structure.
  const ids = new Set();
  for (const e of document.querySelectorAll("[id]")) {
    if (ids.has(e.id)) found.push("the id " + e.id + " is there twice");
    ids.add(e.id);
  }
  let level = 0;
  for (const e of document.querySelectorAll("h1, h2, h3, h4")) {
    if (!seen(e)) continue;
    const own = Number(e.tagName[1]);
    if (own > level + 1) found.push("a heading is skipped before " + name(e));
    level = own;
  }
  for (const e of document.querySelectorAll("[tabindex]")) if (e.tabIndex > 0) found.push("a positive tabindex: " + name(e));
  for (const e of document.querySelectorAll("[style]")) found.push("an inline style: " + name(e));

  // Contrast, of text on the first background behind it that is not transparent.
  const rgb = (c) => c.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const lin = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * lin(r) + 0.7152 * lin(g) + 0.0722 * lin(b);
  };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0.99) return c;
    }
    return [255, 255, 255];
  };
  for (const animation of document.getAnimations()) animation.finish();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const told = new Set();
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !seen(e) || e.closest(".visually-hidden, script, style, option, svg") || told.has(e)) continue;
    told.add(e);
    const style = getComputedStyle(e);
    const [a, b] = [luminance(rgb(style.color)), luminance(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push("contrast " + ratio.toFixed(2) + ": " + name(e));
  }

  // Reflow: nothing is wider than the window, except what scrolls by itself.
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) {
    found.push("the page scrolls sideways: " + document.documentElement.scrollWidth + " of " + width);
    for (const e of all("body *")) {
      if (e.getBoundingClientRect().right > width + 1 && !e.closest(".scroll, pre, .visually-hidden, .skip")) { found.push("too wide: " + name(e)); break; }
    }
  }
  return found;
})()
