// SPDX-License-Identifier: BSD-3-Clause
//
// The report's style sheet. Colours are variables; dark mode changes only those.
#pragma once

namespace unweight::cli {

inline constexpr const char* kHtmlStyle = R"css(
:root{
  --page:#f7f7f5;--surface:#fff;--ink:#1b1d22;--muted:#666b75;--faint:#9a9ea8;--rule:#e5e5e1;
  --grid:#eeeeea;--exponents:#4059d4;--sign-mantissa:#8790a3;--overhead:#d8832b;--saved:#e3e7f6;
  --band:#4059d4;--band-alpha:.07;--raw:#8790a3;--palette:#1f9482;--huffman:#4059d4;
  --on-dark:#fff;--hover:#f4f5fb;--shadow:0 1px 2px rgba(20,22,30,.05);
  --sans:ui-sans-serif,system-ui,-apple-system,"Segoe UI",Inter,Roboto,"Helvetica Neue",Arial,sans-serif;
  --mono:ui-monospace,"SF Mono",SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
}
@media (prefers-color-scheme:dark){:root{
  --page:#121317;--surface:#1a1c21;--ink:#e9e9e6;--muted:#a0a4ae;--faint:#70757f;--rule:#2b2e35;
  --grid:#25282e;--exponents:#7f93ff;--sign-mantissa:#929aac;--overhead:#eba154;--saved:#2a2f45;
  --band:#7f93ff;--band-alpha:.1;--raw:#8a92a5;--palette:#45c2ae;--huffman:#7f93ff;
  --on-dark:#0f1116;--hover:#20232b;--shadow:none;
}}
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 var(--sans);
  font-feature-settings:"tnum";font-variant-numeric:tabular-nums}
main{max-width:1320px;margin:0 auto;padding:40px 28px 56px}
header{margin-bottom:28px}
.kicker{margin:0 0 6px;color:var(--muted);font-size:12px;font-weight:600;letter-spacing:.08em;
  text-transform:uppercase}
h1{margin:0;font-size:26px;line-height:1.25;font-weight:650;letter-spacing:-.015em;
  overflow-wrap:anywhere}
.subtitle{margin:6px 0 0;color:var(--muted)}
h2{margin:0;font-size:16px;font-weight:650;letter-spacing:-.005em}
.note{margin:4px 0 16px;color:var(--muted);font-size:13.5px;max-width:105ch}
.card{background:var(--surface);border:1px solid var(--rule);border-radius:12px;
  box-shadow:var(--shadow);padding:22px 24px;margin-bottom:20px;min-width:0}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:20px}
.pair .card{display:flex;flex-direction:column}
.pair .chart{margin-top:auto}
.figures{display:grid;grid-template-columns:1.45fr repeat(4,1fr);gap:0}
.figure{padding:0 22px;border-left:1px solid var(--rule);min-width:0}
.figure:first-child{padding-left:0;border-left:0}
.figure dt{color:var(--muted);font-size:13px}
.figure dd{margin:2px 0 0}
.figure .number{font-size:28px;line-height:1.25;font-weight:650;letter-spacing:-.02em;
  white-space:nowrap}
.figure .number span{color:var(--faint);font-weight:450;padding:0 .15em}
.figure .more{color:var(--muted);font-size:13px}
.proportion{display:flex;height:8px;margin-top:22px;border-radius:4px;overflow:hidden;
  background:var(--saved)}
.proportion i{background:var(--exponents)}
.chart{overflow-x:auto}
.chart svg{display:block;width:100%;height:auto;min-width:430px}
.chart.wide svg{min-width:820px}
svg text{font:12px var(--sans);font-variant-numeric:tabular-nums;fill:var(--muted)}
svg .tick{font-size:11.5px}
svg .small{font-size:12.5px}
svg .axis-title{fill:var(--muted);font-size:12px}
svg .row-label{fill:var(--ink);font-size:12.5px}
svg .strong{font-weight:650}
svg .value{fill:var(--ink);font-size:13px;font-weight:650}
svg .on-dark{fill:var(--on-dark);font-size:12px;font-weight:600}
svg .grid{stroke:var(--grid)}
svg .axis{stroke:var(--faint)}
svg .floor{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:4 3}
svg .break{stroke:var(--rule)}
svg .floor-label{fill:var(--ink);font-size:12px;font-weight:600}
.exponents{fill:var(--exponents);background:var(--exponents)}
.sign-mantissa{fill:var(--sign-mantissa);background:var(--sign-mantissa)}
.overhead{fill:var(--overhead);background:var(--overhead)}
.saved{fill:var(--saved);background:var(--saved)}
.band{fill:var(--band);fill-opacity:var(--band-alpha);background:var(--band)}
.hit{fill:transparent}
.hit:hover{fill:var(--ink);fill-opacity:.05}
.dot{fill-opacity:.5;stroke-opacity:.9;stroke-width:1}
.dot:hover{fill-opacity:.9}
.raw{fill:var(--raw);stroke:var(--raw);background:var(--raw)}
.palette{fill:var(--palette);stroke:var(--palette);background:var(--palette)}
.huffman{fill:var(--huffman);stroke:var(--huffman);background:var(--huffman)}
.legend{display:flex;flex-wrap:wrap;gap:6px 18px;margin:0 0 14px;padding:0;list-style:none;
  color:var(--muted);font-size:13px}
.legend i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:7px}
.legend i.band{opacity:.25}
.legend i.round{border-radius:50%}
.legend i.dash{width:18px;height:0;background:none;border-top:2px dashed var(--ink);border-radius:0;
  vertical-align:middle}
.heading{display:flex;align-items:baseline;justify-content:space-between;gap:16px;flex-wrap:wrap}
.scale{position:absolute;opacity:0;pointer-events:none}
.switch{display:inline-flex;border:1px solid var(--rule);border-radius:7px;overflow:hidden;
  font-size:13px}
.switch label{padding:2px 12px;color:var(--muted);cursor:pointer}
#linear:checked~.heading label[for=linear],#log:checked~.heading label[for=log]{
  background:var(--exponents);color:var(--on-dark)}
#linear:focus-visible~.heading .switch,#log:focus-visible~.heading .switch{
  outline:2px solid var(--exponents);outline-offset:2px}
#linear:checked~.chart.log,#log:checked~.chart.linear{display:none}
input[type=search]{font:inherit;font-size:14px;padding:5px 12px;width:min(320px,100%);
  color:var(--ink);background:var(--page);border:1px solid var(--rule);border-radius:7px}
.table{overflow:auto;max-height:82vh;margin:14px -24px -22px;border-top:1px solid var(--rule)}
table{border-collapse:separate;border-spacing:0;width:100%;font-size:13px;white-space:nowrap}
th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--grid)}
th{position:sticky;top:0;z-index:1;background:var(--surface);color:var(--muted);font-weight:600;
  border-bottom:1px solid var(--rule);vertical-align:bottom}
th button{all:unset;cursor:pointer}
th button:focus-visible{outline:2px solid var(--exponents);outline-offset:2px}
th[aria-sort=ascending] button::after{content:" ↑"}
th[aria-sort=descending] button::after{content:" ↓"}
th[aria-sort] button:hover,th button:hover{color:var(--ink)}
th.left,td.left{text-align:left}
th:first-child,td:first-child{padding-left:24px}
th:last-child,td:last-child{padding-right:24px}
tbody tr:hover td{background:var(--hover)}
tbody tr:last-child td{border-bottom:0}
td.name{font-family:var(--mono);font-size:12.5px;max-width:360px;overflow:hidden;
  text-overflow:ellipsis}
td.quiet,.quiet{color:var(--faint)}
.spark{display:block;width:96px;height:20px}
.spark path{fill:var(--exponents)}
.chip{display:inline-block;padding:0 8px;border-radius:9px;font-size:12px;line-height:18px;
  color:var(--on-dark)}
.tip{position:fixed;z-index:9;max-width:min(420px,90vw);padding:7px 11px;border-radius:7px;
  background:var(--ink);color:var(--surface);font-size:12.5px;line-height:1.45;
  white-space:pre-line;overflow-wrap:anywhere;pointer-events:none}
.tip[hidden]{display:none}
footer{color:var(--faint);font-size:13px;margin-top:24px}
@media (max-width:1060px){.pair{grid-template-columns:1fr;gap:0}
  .figures{grid-template-columns:1fr 1fr;gap:20px 0}.figure:first-child{grid-column:1/-1}
  .figure:nth-child(even){padding-left:0;border-left:0}}
@media (max-width:560px){main{padding:24px 14px 40px}.card{padding:18px 16px}
  .table{margin:14px -16px -18px}.figure{padding:0 14px}.figure .number{font-size:23px}
  th:first-child,td:first-child{padding-left:16px}td.name{max-width:220px}}
@media print{body{background:none}.card{box-shadow:none;break-inside:avoid}
  .table{max-height:none;overflow:visible}input,.switch{display:none}}
)css";

}  // namespace unweight::cli
