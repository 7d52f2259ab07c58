"use strict";
document.addEventListener("input", (event) => {
  if (event.target.matches(".slider input")) {
    event.target.parentNode.style.setProperty("--at", event.target.value + "%");
  }
});
document.addEventListener("click", (event) => {
  const button = event.target.closest(".sortable thead button");
  if (!button) return;
  const head = button.parentNode;
  /* figures begin with the largest, names with the first of the alphabet */
  const [first, second] = head.classList.contains("n") ? ["descending", "ascending"] : ["ascending", "descending"];
  const order = head.getAttribute("aria-sort") === first ? second : first;
  const way = order === "ascending" ? 1 : -1;
  for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", order);
  const body = head.closest("table").tBodies[0];
  const key = (row) => row.children[head.cellIndex];
  const compare = (one, other) => {
    const [a, b] = [key(one), key(other)];
    const known = [a, b].map((cell) => cell.hasAttribute("data-sort"));
    if (known[0] && known[1]) return way * (Number(a.dataset.sort) - Number(b.dataset.sort));
    if (known[0] !== known[1]) return known[0] ? -1 : 1;
    return way * a.textContent.localeCompare(b.textContent);
  };
  for (const row of [...body.rows].sort(compare)) body.append(row);
});
