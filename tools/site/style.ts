/** The style of the site: system fonts, both colour schemes, one column on a telephone. Nothing is loaded from anywhere. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --line: #dfe3e9; --text: #1c2230; --soft: #566175; --code: #eef1f5; --link: #1f55b5; --mark: #e6eefc;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12151b; --card: #1a1f28; --line: #2b323e; --text: #e6eaf1; --soft: #9ba7ba; --code: #222936; --link: #8db4ff; --mark: #1d2d4d;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 16px; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", sans-serif; }
a { color: var(--link); } :focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: 12px; top: -60px; } .skip:focus { top: 12px; background: var(--card); padding: 6px 12px; }
.top { display: flex; flex-wrap: wrap; gap: 10px 20px; align-items: center; padding: 12px 20px; background: var(--card); border-bottom: 1px solid var(--line); }
.top .name { font-weight: 650; color: inherit; text-decoration: none; } .top .menu { display: none; }
.search { margin-left: auto; flex: 0 1 340px; min-width: 0; }
.search input { width: 100%; font: inherit; padding: 6px 12px; color: inherit; background: var(--page); border: 1px solid var(--line); border-radius: 8px; }
.hits { max-width: 1180px; margin: 0 auto; padding: 0 20px; } .hits ol { list-style: none; padding: 0; margin: 12px 0; }
.hits li { padding: 8px 12px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin-bottom: 6px; overflow-wrap: anywhere; }
.hits p { margin: 0; color: var(--soft); font-size: 14px; }
.body { max-width: 1180px; margin: 0 auto; padding: 20px; display: grid; grid-template-columns: minmax(0, 1fr) 230px; gap: 36px; }
main { min-width: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 12px 28px 28px; overflow-wrap: break-word; }
nav h2 { font-size: 13px; margin: 18px 0 4px; color: var(--soft); font-weight: 600; } nav h2:first-child { margin-top: 0; }
nav ul { list-style: none; margin: 0; padding: 0; font-size: 14.5px; } nav li { padding: 2px 0; }
nav a { text-decoration: none; } nav a:hover { text-decoration: underline; } nav a[aria-current] { font-weight: 650; color: var(--text); }
h1, h2, h3, h4 { line-height: 1.3; } h1 { font-size: 28px; } h2 { font-size: 21px; margin-top: 36px; } h3 { font-size: 17px; }
main :is(h1, h2, h3, h4) a { color: inherit; text-decoration: none; } main :is(h1, h2, h3, h4) a:hover { text-decoration: underline; }
:target { background: var(--mark); }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: .88em; }
code { background: var(--code); border-radius: 4px; padding: 1px 4px; overflow-wrap: anywhere; }
pre { background: var(--code); border-radius: 8px; padding: 12px 16px; overflow-x: auto; } pre code { padding: 0; background: none; overflow-wrap: normal; font-size: 1em; }
.scroll { overflow-x: auto; margin: 16px 0; } table { border-collapse: collapse; font-size: 14.5px; }
th { text-align: left; color: var(--soft); font-weight: 600; } th, td { padding: 6px 14px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td { min-width: 64px; } img { max-width: 100%; height: auto; background: #fff; border-radius: 8px; }
.contents { font-size: 14.5px; margin: 0 0 12px; } .contents summary { cursor: pointer; color: var(--soft); } .contents ul { margin: 6px 0; padding-left: 20px; }
footer { text-align: center; color: var(--soft); font-size: 13.5px; padding: 0 20px 28px; }
@media (max-width: 800px) {
  .body { grid-template-columns: minmax(0, 1fr); padding: 12px; } main { padding: 4px 16px 20px; } .top .menu { display: inline; }
  .search { margin-left: 0; flex: 1 1 100%; } nav li { padding: 5px 0; } h1 { font-size: 24px; }
}
@media print { .top, nav, .contents, .hits { display: none; } .body { display: block; } }
`;
