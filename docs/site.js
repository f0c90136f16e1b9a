/* What the theme leaves out for readers without a mouse or without sight: the search
   window gets a name, the buttons beside code are no landmark of the page, and what
   scrolls sideways can be scrolled by the keyboard. The pages are complete without. */
(() => {
  const search = document.querySelector(".md-search[role=dialog]");
  if (search) search.setAttribute("aria-label", "Search");

  const parts = () => {
    for (const nav of document.querySelectorAll("nav.md-code__nav")) {
      nav.setAttribute("role", "none");
    }
    for (const box of document.querySelectorAll(
      ".md-typeset pre > code, .md-typeset__table, .md-typeset__scrollwrap"
    )) {
      if (box.scrollWidth > box.clientWidth) box.setAttribute("tabindex", "0");
      else box.removeAttribute("tabindex");
    }
  };
  // the theme adds its buttons and wraps tables after this script has run
  new MutationObserver(parts).observe(document.body, { childList: true, subtree: true });
  addEventListener("resize", parts);
  addEventListener("load", parts);
})();
