/** The style of the page: system fonts, both colour schemes, readable on paper and on a telephone. Nothing is loaded from anywhere. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --line: #e3e6eb; --text: #1c2230; --soft: #5f6b7e; --code: #f0f2f6;
  --good: #117a4b; --good-soft: #e2f5ec; --bad: #c0263c; --bad-soft: #fde9ec; --warn: #92600a; --warn-soft: #fdf2dc;
  --note: #2457b8; --note-soft: #e6eefc; --bar: #7a8aa3; --bar-nydus: #2f6fde; --track: #edf0f4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12151b; --card: #1a1f28; --line: #2b323e; --text: #e6eaf1; --soft: #98a4b8; --code: #222936;
    --good: #5fd39b; --good-soft: #14352a; --bad: #ff8493; --bad-soft: #43202a; --warn: #efbb5c; --warn-soft: #3b2f17;
    --note: #8db4ff; --note-soft: #1d2d4d; --bar: #65758f; --bar-nydus: #6b9dff; --track: #252c38;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); line-height: 1.5;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 48px; }
h1 { font-size: 22px; line-height: 1.3; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 36px 0 12px; }
h3 { font-size: 15px; margin: 0 0 2px; }
p { margin: 0; }
code, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: .88em; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 18px 20px; }
.card + .card { margin-top: 12px; }
.hero { display: flex; gap: 18px; align-items: flex-start; border-left: 6px solid var(--good); }
.hero.bad { border-left-color: var(--bad); }
.badge { flex: none; font-weight: 650; font-size: 17px; padding: 8px 16px; border-radius: 999px; background: var(--good-soft); color: var(--good); }
.bad .badge { background: var(--bad-soft); color: var(--bad); }
.hero dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 14px; margin: 10px 0 0; }
.hero dt { color: var(--soft); } .hero dd { margin: 0; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 12px; }
.grid .card { margin: 0; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(110px, 1fr)); gap: 10px 16px; margin-top: 12px; }
.fact b { display: block; font-size: 19px; font-weight: 600; font-variant-numeric: tabular-nums; }
.fact span { color: var(--soft); font-size: 13px; }
.pill { display: inline-block; padding: 1px 10px; border-radius: 999px; font-size: 13px; font-weight: 550; white-space: nowrap; }
.pill.good { background: var(--good-soft); color: var(--good); } .pill.bad, .pill.error { background: var(--bad-soft); color: var(--bad); }
.pill.warning { background: var(--warn-soft); color: var(--warn); } .pill.note { background: var(--note-soft); color: var(--note); }
.pill.plain { background: var(--code); color: var(--soft); }
.entries { list-style: none; margin: 4px 0 14px; padding: 0; font-size: 14px; } .entries li { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; color: var(--soft); font-weight: 550; font-size: 13px; padding: 0 14px 8px 0; white-space: nowrap; }
td { border-top: 1px solid var(--line); padding: 9px 14px 9px 0; vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
tbody th { color: inherit; font-size: 14px; font-weight: 550; white-space: normal; border-top: 1px solid var(--line); padding: 9px 14px 9px 0; vertical-align: top; min-width: 210px; }
.finding { border-left: 4px solid var(--line); } .finding.error { border-left-color: var(--bad); }
.finding.warning { border-left-color: var(--warn); } .finding.note { border-left-color: var(--note); }
.finding header { display: flex; flex-wrap: wrap; gap: 8px 10px; align-items: baseline; }
.finding ul { list-style: none; margin: 12px 0 0; padding: 0; }
.finding li { overflow-wrap: anywhere; border-top: 1px solid var(--line); padding: 10px 0; }
.finding li:last-child { padding-bottom: 0; }
.sums { display: grid; grid-template-columns: max-content 1fr; gap: 2px 12px; margin: 6px 0 0; font-size: 13.5px; }
.sums dt { color: var(--soft); } .sums dd { margin: 0; }
a { color: inherit; text-decoration: none; } a:hover { text-decoration: underline; } :target { outline: 2px solid var(--note); outline-offset: 4px; }
.place { background: var(--code); border-radius: 6px; padding: 1px 7px; }
.hint { margin-top: 12px; padding: 9px 13px; border-radius: 8px; background: var(--note-soft); color: var(--text); font-size: 14px; }
.hint b { color: var(--note); font-weight: 600; }
details > summary { cursor: pointer; color: var(--note); font-size: 14px; padding: 4px 0; }
.bars { display: grid; grid-template-columns: max-content minmax(80px, 1fr) max-content; gap: 7px 14px; align-items: center; font-size: 14px; }
.bars .label { white-space: nowrap; max-width: 340px; overflow: hidden; text-overflow: ellipsis; }
.bars .deep { padding-left: 16px; color: var(--soft); }
.bars .amount { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.track { background: var(--track); border-radius: 4px; height: 9px; }
.track + .track { margin-top: 3px; }
.fill { height: 100%; border-radius: 4px; min-width: 2px; background: var(--bar); } .fill.nydus { background: var(--bar-nydus); }
.legend { display: flex; flex-wrap: wrap; gap: 6px 18px; font-size: 13px; color: var(--soft); margin: 2px 0 14px; }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; background: var(--bar); vertical-align: -1px; }
.legend i.nydus { background: var(--bar-nydus); }
.saved { color: var(--good); } .grown { color: var(--warn); }
ol.trace { margin: 8px 0 4px; padding-left: 22px; font-size: 13.5px; } ol.trace li { padding: 2px 0; }
ol.trace .stop { color: var(--warn); font-weight: 550; }
footer { margin-top: 40px; color: var(--soft); font-size: 13px; }
@media print { body { background: #fff; } .card { break-inside: avoid; } details { display: none; } }
@media (max-width: 700px) {
  .clients, .clients tbody, .clients tr, .clients th, .clients td { display: block; padding: 0; border: 0; min-width: 0; }
  .clients thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .clients tr { border-top: 1px solid var(--line); padding: 10px 0; } .clients td { padding-top: 3px; }
  .clients td::before { content: attr(data-name) ": "; color: var(--soft); }
}
@media (max-width: 560px) { .hero { flex-direction: column; } main { padding-top: 16px; } .bars { grid-template-columns: minmax(0, 1fr); } .bars .amount { text-align: left; white-space: normal; margin-bottom: 6px; } }
`;
