const table = document.querySelector("#services");
const body = table.tBodies[0];
const rows = [...body.rows];
const headers = [...table.tHead.rows[0].cells];
const filter = document.querySelector("#filter");
const totals = [...document.querySelectorAll("[data-mark]")];
const boxes = [...document.querySelectorAll("[data-column]")];
const say = text => document.querySelector("[role=status]").textContent = text;
// Numbers in text sort as numbers: v1.10.0 comes after v1.9.0.
const order = new Intl.Collator("en", {numeric: true}).compare;
const texts = new Map();

function text(row) {
  if (!texts.has(row)) texts.set(row, row.textContent.toLowerCase());
  return texts.get(row);
}

function sort(header) {
  const column = headers.indexOf(header);
  const direction = header.ariaSort === "ascending" ? "descending" : "ascending";
  const keys = new Map(rows.map(row => [row, row.cells[column].textContent.trim()]));
  rows.sort((a, b) => order(keys.get(a), keys.get(b)));
  body.append(...(direction === "ascending" ? rows : [...rows].reverse()));
  headers.forEach(other => other.removeAttribute("aria-sort"));
  header.setAttribute("aria-sort", direction);
  say(`Sorted by ${header.textContent.trim()}, ${direction}.`);
}

function choose() {
  const words = filter.value.toLowerCase().split(/\s+/);
  const mark = totals.find(total => total.ariaPressed === "true")?.dataset.mark;
  const fits = row => (!mark || row.dataset.marks.split(" ").includes(mark))
    && words.every(word => text(row).includes(word));
  let shown = 0;
  for (const row of rows) shown += !(row.hidden = !fits(row));
  say(`${shown} of ${rows.length} services.`);
  remember();
}

function show() {
  table.className = boxes.filter(box => !box.checked).map(box => `hide-${box.dataset.column}`).join(" ");
  remember();
}

// The choice is kept in the address, so that a bookmark has it.
function remember() {
  const columns = boxes.filter(box => box.checked !== box.defaultChecked).map(box => box.value);
  const mark = totals.find(total => total.ariaPressed === "true")?.dataset.mark ?? "";
  const kept = new URLSearchParams({filter: filter.value, only: mark, columns: columns.join()});
  history.replaceState(null, "", `#${kept}`);
}

function recall() {
  const kept = new URLSearchParams(location.hash.slice(1));
  const turned = (kept.get("columns") ?? "").split(",");
  filter.value = kept.get("filter") ?? "";
  totals.forEach(total => total.ariaPressed = String(total.dataset.mark === kept.get("only")));
  boxes.forEach(box => box.checked = box.defaultChecked !== turned.includes(box.value));
  show();
  choose();
}

headers.forEach(header => header.querySelector("button").onclick = () => sort(header));
boxes.forEach(box => box.onchange = show);
filter.oninput = choose;
totals.forEach(total => total.onclick = () => {
  const pressed = total.ariaPressed === "true";
  totals.forEach(other => other.ariaPressed = String(other === total && !pressed));
  choose();
});
document.querySelector("#controls").hidden = false;
if (location.hash) recall();
