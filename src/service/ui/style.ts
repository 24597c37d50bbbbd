/** The style of the page: system fonts, both colour schemes, from a telephone to a wide screen. Nothing is loaded from elsewhere. */
export const STYLE = `:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --line: #d5dae2; --text: #1c2230; --soft: #566174; --code: #eef1f6;
  --good: #0f6b42; --good-soft: #e2f5ec; --bad: #b01f35; --bad-soft: #fde9ec; --warn: #7d5208; --warn-soft: #fdf2dc;
  --note: #1f4fa8; --note-soft: #e6eefc; --bar: #b9c4d6; --read: #2f6fde; --focus: #1f4fa8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12151b; --card: #1a1f28; --line: #343c4a; --text: #e6eaf1; --soft: #a5b0c3; --code: #222936;
    --good: #5fd39b; --good-soft: #14352a; --bad: #ff8d9b; --bad-soft: #43202a; --warn: #efbb5c; --warn-soft: #3b2f17;
    --note: #8db4ff; --note-soft: #1d2d4d; --bar: #46536a; --read: #6b9dff; --focus: #8db4ff;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", sans-serif; }
a { color: var(--note); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: 12px; top: -80px; }
.skip:focus { top: 12px; background: var(--card); padding: 8px 12px; z-index: 1; }
header.top { background: var(--card); border-bottom: 1px solid var(--line); }
header.top > div { max-width: 1200px; margin: 0 auto; padding: 10px 20px; display: flex; flex-wrap: wrap; gap: 6px 18px; align-items: center; }
header.top strong { font-size: 16px; }
header.top nav { display: flex; gap: 14px; flex: 1; }
header.top nav a { padding: 4px 2px; text-decoration: none; }
header.top nav a[aria-current] { border-bottom: 2px solid var(--note); font-weight: 600; }
main { max-width: 1200px; margin: 0 auto; padding: 20px 20px 48px; }
h1 { font-size: 21px; line-height: 1.3; margin: 4px 0 12px; overflow-wrap: anywhere; }
h1.mono { font-size: 19px; }
.head { margin-bottom: 10px; }
h2 { font-size: 16px; margin: 28px 0 10px; }
p { margin: 6px 0; }
code, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: .9em; overflow-wrap: anywhere; }
.soft { color: var(--soft); font-size: 14px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; margin: 0 0 10px; }
.card.bad { border-left: 5px solid var(--bad); }
.row { display: flex; flex-wrap: wrap; gap: 6px 12px; align-items: center; }
.row .grow { flex: 1 1 260px; min-width: 0; }
ul.plain { list-style: none; margin: 0; padding: 0; }
ul.bars { padding: 12px 16px; } ul.bars li + li { margin-top: 8px; }
.pill { display: inline-block; padding: 1px 10px; border-radius: 999px; font-size: 13px; font-weight: 600; white-space: nowrap; background: var(--code); color: var(--soft); }
.pill.completed { background: var(--good-soft); color: var(--good); }
.pill.failed { background: var(--bad-soft); color: var(--bad); }
.pill.active { background: var(--note-soft); color: var(--note); }
.pill.delayed, .pill.paused { background: var(--warn-soft); color: var(--warn); }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; margin: 0; }
dl.facts dt { color: var(--soft); } dl.facts dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
dl.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(110px, 1fr)); gap: 12px; margin: 0; }
dl.numbers dt { color: var(--soft); font-size: 13px; } dl.numbers dd { margin: 0; font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums; }
form { margin: 0; }
form.filter { display: flex; flex-wrap: wrap; gap: 10px; align-items: end; margin: 0 0 14px; }
label { display: block; font-size: 13px; color: var(--soft); }
input, select, button { font: inherit; color: var(--text); background: var(--card); border: 1px solid var(--soft); border-radius: 7px; padding: 7px 10px; max-width: 100%; }
form.filter .wide { flex: 1 1 220px; } form.filter .wide input { width: 100%; }
button { cursor: pointer; background: var(--code); }
button.main { background: var(--note); border-color: var(--note); color: var(--card); font-weight: 600; }
svg.bar { display: block; width: 100%; height: 10px; margin: 4px 0 0; }
svg.bar .size { fill: var(--bar); } svg.bar .read { fill: var(--read); }
pre { background: var(--code); border-radius: 7px; padding: 10px 12px; margin: 6px 0; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px; }
pre.log { max-height: 420px; }
.pages { display: flex; gap: 16px; margin-top: 12px; }
`;

/** The mark of the page in the browser's tab. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#2f6fde"/><path d="M4 12V4l8 8V4" fill="none" stroke="#fff" stroke-width="2"/></svg>
`;
