/** Runs in each page of the site: loads the index when somebody begins to search, and lists what it finds. */
import MiniSearch from 'minisearch';
import { SEARCH_OPTIONS } from './search-options.ts';

const SHOWN = 20;
const { document } = globalThis;
const { root } = document.currentScript.dataset;

document.addEventListener('DOMContentLoaded', () => {
  const form = document.querySelector('.search');
  const input = form.querySelector('input');
  const hits = document.querySelector('.hits');
  let index;

  const load = () =>
    (index ??= new Promise((resolve, reject) => {
      const script = document.createElement('script');
      script.src = `${root}assets/search-index.js`;
      script.onload = () => resolve(MiniSearch.loadJSON(globalThis.SEARCH_INDEX, SEARCH_OPTIONS));
      script.onerror = reject;
      document.head.append(script);
    }));

  const show = async () => {
    const words = input.value.trim();
    const found = words === '' ? [] : (await load()).search(words);
    if (words !== input.value.trim()) return; // another letter was typed meanwhile
    hits.hidden = words === '';
    const count = document.createElement('p');
    count.textContent = found.length === 0 ? 'Nothing found.' : `${found.length} found`;
    const list = document.createElement('ol');
    list.append(...found.slice(0, SHOWN).map(hit));
    hits.replaceChildren(count, list);
  };

  const hit = ({ id, page, title, excerpt }) => {
    const link = document.createElement('a');
    link.href = `${root}${id}`;
    link.textContent = page === title ? page : `${page}: ${title}`;
    const text = document.createElement('p');
    text.textContent = excerpt;
    const item = document.createElement('li');
    item.append(link, text);
    return item;
  };

  form.hidden = false;
  input.addEventListener('focus', load, { once: true });
  input.addEventListener('input', show);
  hits.addEventListener('click', ({ target }) => {
    // A section of the page that is open does not load it again.
    if (target.closest('a') !== null) hits.hidden = true;
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    hits.querySelector('a')?.click();
  });
});
