"use strict";

// Nothing of the report is ever markup: every text of it enters the page through textContent.
const report = JSON.parse(document.getElementById("report").textContent);

const STATES = ["refused", "missing", "different", "unexpected", "filled", "adapted", "noted", "dropped", "derived", "matched"];
const FAULTS = new Set(STATES.slice(0, 4));
const SHOWN_AT_ONCE = 200;
const order = new Intl.Collator("en", { numeric: true });

// Control characters, and those that would reorder or hide what stands beside them.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const visible = (text) => String(text).replace(UNSEEN, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

const byId = (id) => document.getElementById(id);

function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  if (text !== "") made.textContent = visible(text);
  if (className) made.className = className;
  return made;
}

function inColour(made, state) {
  made.style.setProperty("--state", `var(--${state})`);
  return made;
}

function show(id, ...content) {
  byId(id).append(...content);
  byId(id).hidden = false;
}

const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const typeName = (type) => (type ? `${type.dtype} [${type.shape.join(", ")}]` : "");

function bytesName(bytes) {
  const unit = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]].find(([size]) => bytes >= size);
  return unit ? `${(bytes / unit[0]).toFixed(1)} ${unit[1]}` : plural(bytes, "byte");
}

function table(pairs) {
  const made = element("table");
  for (const [key, value] of pairs) {
    const row = made.insertRow();
    row.append(element("th", key, "dim"), element("td", value, "name"));
  }
  return made;
}

// ---- one row a tensor of the model, and one a tensor of the file that no tensor of the model takes

function stateOfFinding(finding) {
  if (finding.action === "refuse") {
    return { missing: "missing", unexpected: "unexpected", shape: "different", dtype: "different" }[finding.kind] || "refused";
  }
  return { fill: "filled", drop: "dropped", derive: "derived", resize: "adapted", inflate: "adapted", cast: "adapted" }[finding.action] || "noted";
}

function typesOfFinding(finding) {
  const found = typeName(finding.found), expected = typeName(finding.expected);
  return found && expected && found !== expected ? `${found} for ${expected}` : found || expected;
}

function makeRow(state, sources, target, type, how) {
  const row = { state, sources, target, type, how, path: (target || sources[0] || "").split(".") };
  row.searched = [state, ...sources, target, type, how].join(" ").toLowerCase();
  return row;
}

function tensorFindings() {
  const kinds = new Set(["missing", "unexpected", "shape", "dtype", "duplicate", "value"]);
  return (report.findings || []).filter((finding) => kinds.has(finding.kind) && (finding.target || finding.source));
}

function rowOfFinding(finding) {
  const how = finding.message + (finding.did_you_mean ? `; did you mean ${finding.did_you_mean}?` : "");
  return makeRow(stateOfFinding(finding), finding.source ? [finding.source] : [], finding.target || "", typesOfFinding(finding), how);
}

function allRows() {
  const about = new Map();  // by either name of a tensor: what was found
  for (const finding of tensorFindings()) {
    const name = finding.target || finding.source;
    about.set(name, [...(about.get(name) || []), finding]);
  }
  const told = new Set();
  const rows = (report.tensors || []).map((tensor) => {
    const findings = [tensor.target, ...tensor.from].flatMap((name) => about.get(name) || []);
    findings.forEach((finding) => told.add(finding));
    const decided = findings.find((finding) => finding.action !== "keep");
    const state = decided ? stateOfFinding(decided) : { file: "matched" }[tensor.origin] || tensor.origin;
    const how = [tensor.ops.join(", "), ...findings.map((finding) => finding.message), tensor.rule].filter(Boolean).join("; ");
    return makeRow(state, tensor.from, tensor.target, typeName(tensor), how);
  });
  rows.push(...tensorFindings().filter((finding) => !told.has(finding)).map(rowOfFinding));
  return rows.sort((a, b) => order.compare(a.path.join("."), b.path.join(".")));
}

function countStates(rows) {
  const counts = new Map();
  for (const row of rows) counts.set(row.state, (counts.get(row.state) || 0) + 1);
  return STATES.filter((state) => counts.has(state)).map((state) => [state, counts.get(state)]);
}

// ---- the tree

function leaf(row) {
  const made = element("div", "", "row");
  made.append(
    inColour(element("span", row.state, "state"), row.state),
    element("span", row.sources.join(", ") || "\u2014"),
    element("span", row.target || "\u2014"),
    element("span", row.type),
    element("span", row.how, "dim"));
  return made;
}

// Rows by their next segment, in order.
function groups(rows, depth) {
  const found = new Map();
  for (const row of rows) {
    const key = row.path.length > depth + 1 ? `${row.path[depth]}.` : "";
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(row);
  }
  return found;
}

function folder(label, rows, depth, isOpen) {
  const made = element("details");
  const summary = element("summary", label);
  for (const [state, count] of countStates(rows)) summary.append(inColour(element("b", `${count} ${state}`), state));
  made.append(summary);
  const fill = () => made.append(...branches(rows, depth, isOpen));
  made.addEventListener("toggle", () => { if (made.open && made.children.length === 1) fill(); });
  if (isOpen(rows)) {
    fill();
    made.open = true;
  }
  return made;
}

function branches(rows, depth, isOpen) {
  return [...groups(rows, depth)].flatMap(([segment, members]) => {
    if (segment === "") return members.map(leaf);
    let end = depth + 1;
    while (members.every((row) => row.path.length > end + 1 && row.path[end] === members[0].path[end])) ++end;
    return [folder(members[0].path.slice(depth, end).join("."), members, end, isOpen)];
  });
}

// ---- the sections

function showHead() {
  const verdicts = { accepted: ["Accepted", "good"], "accepted-with-waivers": ["Accepted with waivers", "waived"], refused: ["Refused", "bad"] };
  const [text, className] = verdicts[report.verdict] || ["No report", "bad"];
  const identity = report.identity || {};
  const model = [identity.family, identity.variant].filter(Boolean).join("/") || "unknown";
  byId("checkpoint").textContent = visible(report.checkpoint.path);
  byId("verdict").append(element("span", text, className));
  if (report.verdict) {
    const layout = identity.layout ? `, in the names of ${identity.layout}` : "";
    const part = report.part && report.part !== "model" ? `${report.part}: ` : "";
    byId("identity").textContent = visible(`${part}${model}${layout}; policy ${report.policy}`);
    if (report.loadable === false) byId("identity").append(element("span", "; the forward needs a value that nobody has decided", "warning"));
  }
  document.title = visible(`${text}: ${report.checkpoint.path}`);
  byId("made").textContent = `tenon ${report.tenon}, ${report.schema}`;
}

function showCauses() {
  const causes = (report.diagnosis || []).map((d) => [d.cause, d.id, d.remedy]);
  if (report.error) causes.unshift([report.error.message, report.error.code, report.error.remedy]);
  for (const [cause, id, remedy] of causes) {
    const made = element("div", "", "cause");
    made.append(element("div", cause));
    if (remedy) made.append(element("code", remedy));
    made.append(element("div", `tenon explain ${id}`, "dim"));
    show("causes", made);
  }
}

function showFindings() {
  const byKind = new Map();
  for (const finding of report.findings || []) {
    const key = `${finding.severity} ${finding.id}`;
    if (!byKind.has(key)) byKind.set(key, []);
    byKind.get(key).push(finding);
  }
  for (const members of byKind.values()) {
    const { severity, id, message } = members[0];
    const made = element("details");
    const summary = element("summary");
    summary.append(element("span", severity, severity), ` ${visible(id)} (${members.length}): `, element("span", message, "dim"));
    made.append(summary);
    made.addEventListener("toggle", () => {
      if (made.children.length > 1) return;
      const list = element("ul");
      for (const finding of members) {
        const item = element("li", finding.message);
        if (finding.rule) item.append(element("span", ` (by ${finding.rule})`, "dim"));
        if (finding.remedy) item.append(" ", element("code", finding.remedy));
        list.append(item);
      }
      made.append(list);
    });
    show("findings", made);
  }
}

function showEvidence() {
  const because = (report.evidence || []).map((e) => [e.for, e.text]);
  const not = (report.refused || []).map((e) => [`not ${e.candidate}`, e.because]);
  if (because.length + not.length > 0) show("evidence", table([...because, ...not]));
  const config = Object.entries((report.identity || {}).config || {});
  if (config.length > 0) {
    const made = element("details");
    made.append(element("summary", plural(config.length, "config value")));
    made.append(table(config.map(([key, value]) => [key, JSON.stringify(value)])));
    show("evidence", made);
  }
}

function timingTable(timings) {
  const made = element("table");
  const spent = Object.entries(timings).filter(([, seconds]) => seconds > 0);
  const longest = Math.max(...spent.map(([, seconds]) => seconds));
  for (const [stage, seconds] of spent) {
    const row = made.insertRow();
    const bar = element("i");
    bar.style.width = `${(seconds / longest) * 15}rem`;
    row.append(element("th", stage.replace(/_s$/, ""), "dim"), element("td", `${(seconds * 1000).toFixed(1)} ms`, "number"), element("td"));
    row.cells[2].append(bar);
  }
  return made;
}

function showCosts() {
  const made = element("div", "", "columns");
  if (report.timings) made.append(timingTable(report.timings));
  const facts = [];
  if (report.memory && report.verdict !== "refused") {
    facts.push(["host memory, peak", bytesName(report.memory.host_peak_bytes)], ["device memory", bytesName(report.memory.device_bytes)]);
  }
  if (report.bytes_read !== undefined) facts.push(["read", bytesName(report.bytes_read)]);
  if (report.audit) {
    for (const [key, value] of Object.entries(report.audit)) facts.push([`audit: ${key.replaceAll("_", " ")}`, String(value)]);
  }
  if (facts.length > 0) made.append(table(facts));
  if (made.children.length > 0) show("costs", made);
}

function showCoverage(rows) {
  const counts = countStates(rows);
  byId("counts").textContent = counts.map(([state, count]) => `${count} ${state}`).join(", ");
  byId("coverage").setAttribute("aria-label", byId("counts").textContent);
  for (const [state, count] of counts.slice().reverse()) {
    const bar = inColour(element("i"), state);
    bar.style.flexGrow = count;
    byId("coverage").append(bar);
  }
}

function showTensors(rows) {
  if (rows.length === 0) return;
  let pressed = null;
  const draw = () => {
    const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = rows.filter((row) => (!pressed || row.state === pressed) && words.every((word) => row.searched.includes(word)));
    const isFiltered = Boolean(pressed) || words.length > 0;
    const faults = hits.filter((row) => FAULTS.has(row.state)).length;
    const isOpen = (members) => hits.length <= SHOWN_AT_ONCE ||
      (faults <= SHOWN_AT_ONCE && members.some((row) => FAULTS.has(row.state)));
    byId("tree").replaceChildren(...branches(hits, 0, isOpen));
    byId("hits").textContent = isFiltered ? `${hits.length} of ${rows.length}` : plural(rows.length, "tensor");
  };
  for (const [state, count] of countStates(rows)) {
    const button = inColour(element("button", `${count} ${state}`), state);
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      pressed = pressed === state ? null : state;
      for (const other of byId("states").children) other.setAttribute("aria-pressed", String(other === button && pressed === state));
      draw();
    });
    byId("states").append(button, " ");
  }
  byId("filter").addEventListener("input", draw);
  draw();
  show("tensors");
}

const rows = allRows();
showHead();
showCauses();
showFindings();
showEvidence();
showCosts();
showCoverage(rows);
showTensors(rows);
