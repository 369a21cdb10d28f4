const table = document.querySelector('table');
const body = table.tBodies[0];
const heads = [...table.tHead.rows[0].cells];
const said = document.getElementById('said');
const key = (row, i) => row.cells[i].dataset.v;
const number = (text) => (text === '' ? Infinity : Number(text));
heads.forEach((head, i) => {
  head.querySelector('button').addEventListener('click', () => {
    const down = head.getAttribute('aria-sort') === 'ascending';
    const words = head.classList.contains('words');
    const rows = [...body.rows].sort((a, b) => {
      const by = words
        ? key(a, i).localeCompare(key(b, i), 'en', { numeric: true })
        : number(key(a, i)) - number(key(b, i));
      // What a row lacks comes last, either way.
      return !down || key(a, i) === '' || key(b, i) === '' ? by || 0 : -by;
    });
    body.append(...rows);
    heads.forEach((other) => other.removeAttribute('aria-sort'));
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    said.textContent = `sorted by ${head.dataset.name}, ${down ? 'largest' : 'smallest'} first`;
  });
});
