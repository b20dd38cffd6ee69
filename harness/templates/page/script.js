// What is chosen stands in the address and nowhere else: whatever is pressed changes the address, and a
// changed address is shown. So a link, the history and the buttons all lead to the same.
'use strict';
(() => {
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  const matrix = find('#matrix');
  const search = find('#search');
  const dialog = find('#case');
  const detail = find('#detail');
  const keys = find('#keys');
  const chips = all('.chip');
  const selects = all('select[data-filter]');

  // The most cases that are unfolded of themselves.
  const FEW = 250;
  const SETS = ['change', 'standing', 'verdict'];
  const SINGLE = ['area', 'transport', 'topology', 'level', 'differs', 'q', 'case'];

  // What the rows say, read once.
  const scenarios = all('tbody.scenario').map((body) => ({
    body,
    head: find('tr.head', body),
    button: find('.fold', body),
    id: body.dataset.id,
    area: body.dataset.area,
    block: body.dataset.block,
    text: (body.dataset.id + ' ' + find('tr.head th', body).textContent).toLowerCase(),
    cases: [],
    shown: 0,
    unfolded: false,
  }));
  const cases = scenarios.flatMap((scenario) => {
    scenario.cases = all('tr.case', scenario.body).map((row, index) => {
      const link = find('a.case', row);
      const { transport, topology, level, differs, verdict, standing, change } = row.dataset;
      const words = (text) => (text || '').split(' ').filter(Boolean);
      return {
        row, link, index, scenario, transport, topology, level, differs,
        id: read(link.hash).case,
        verdict: words(verdict), standing: words(standing), change: words(change),
        text: (scenario.id + link.textContent + ' ' + scenario.text).toLowerCase(),
        shown: true,
      };
    });
    return scenario.cases;
  });
  const byId = new Map(cases.map((one) => [one.id, one]));
  const areas = all('tbody.area').map((body) => {
    const of = [];
    for (let next = body.nextElementSibling; next?.matches('.scenario'); next = next.nextElementSibling) of.push(next);
    return { body, of };
  });

  // A comparison shows at first what has changed.
  const changes = chips.filter((chip) => chip.dataset.filter === 'change').map((chip) => chip.dataset.value);
  const usual = { change: changes.filter((change) => change !== 'same') };

  // The address.
  function read(hash) {
    const view = {};
    for (const part of hash.slice(1).split('&')) {
      const [name, ...value] = part.split('=');
      let text = value.join('=');
      try { text = decodeURIComponent(text); } catch { /* It stays as it is. */ }
      if (SETS.includes(name)) view[name] = text.split(',').filter(Boolean);
      else if (SINGLE.includes(name) && text) view[name] = text;
    }
    return view;
  }
  function write(view) {
    const encode = (text) => encodeURIComponent(text).replace(/%2F/g, '/').replace(/%2C/g, ',').replace(/%3D/g, '=');
    const parts = [];
    for (const name of SETS) {
      const [chosen, plain] = [view[name] || usual[name] || [], usual[name] || []];
      const isUsual = chosen.length === plain.length && chosen.every((value) => plain.includes(value));
      if (!isUsual) parts.push(name + '=' + chosen.map(encode).join(','));
    }
    for (const name of SINGLE) if (view[name]) parts.push(name + '=' + encode(view[name]));
    // An empty fragment would lead to the top of the page.
    return '#' + (parts.join('&') || 'all');
  }
  let view = {};
  function go(change, replace = false) {
    const next = write({ ...view, ...change });
    if (next === location.hash) return;
    if (replace) location.replace(next);
    else location.hash = next;
  }

  // The matrix.
  function fold(scenario, unfolded) {
    scenario.body.classList.toggle('open', unfolded);
    scenario.button.setAttribute('aria-expanded', String(unfolded));
  }
  function filter() {
    const words = (view.q || '').toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = SETS.map((name) => [name, view[name] || usual[name] || []])
      .filter(([name, values]) => values.length > 0 && (name !== 'change' || changes.length > 0));
    const isMeant = (one) =>
      (!view.area || one.scenario.area === view.area) &&
      (!view.transport || one.transport === view.transport) &&
      (!view.topology || one.topology === view.topology) &&
      (!view.level || one.level === view.level) &&
      (!view.differs || one.differs) &&
      chosen.every(([name, values]) => values.some((value) => one[name].includes(value))) &&
      words.every((word) => one.text.includes(word));
    let count = 0;
    for (const scenario of scenarios) {
      scenario.shown = 0;
      for (const one of scenario.cases) {
        const shown = isMeant(one);
        if (shown !== one.shown) one.row.hidden = !shown;
        one.shown = shown;
        if (shown) scenario.shown += 1;
      }
      scenario.body.hidden = scenario.shown === 0;
      count += scenario.shown;
    }
    for (const area of areas) area.body.hidden = area.of.every((body) => body.hidden);
    const few = count < cases.length && count <= FEW;
    for (const scenario of scenarios) fold(scenario, scenario.unfolded || few);
    const number = (value) => value.toLocaleString('en-US');
    const left = scenarios.filter((scenario) => scenario.shown > 0).length;
    find('#state').textContent = count === cases.length
      ? `all ${number(count)} cases of ${number(left)} scenarios`
      : `${number(count)} of ${number(cases.length)} cases, in ${number(left)} of ${number(scenarios.length)} scenarios`;
    find('#nothing').hidden = count > 0;
    find('#all').hidden = write({ ...view, case: '' }) === '#all';
  }
  function show() {
    const before = write({ ...view, case: '' });
    view = read(location.hash);
    if (!filter.done || write({ ...view, case: '' }) !== before) {
      filter.done = true;
      for (const chip of chips) {
        const { filter: name, value } = chip.dataset;
        const values = name === 'differs' ? [view.differs] : view[name] || usual[name] || [];
        chip.setAttribute('aria-pressed', String(values.includes(value)));
      }
      for (const select of selects) {
        select.value = view[select.dataset.filter] || '';
        select.classList.toggle('chosen', select.value !== '');
      }
      if (search.value.trim() !== (view.q || '')) search.value = view.q || '';
      filter();
    }
    if (view.case) open(view.case);
    else if (dialog.open) dialog.close();
  }

  // A case.
  const unpacked = new Map();
  async function unpack(block) {
    if (!unpacked.has(block)) {
      const bytes = Uint8Array.from(atob(find('#' + block).textContent), (letter) => letter.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
      unpacked.set(block, (await new Response(stream).text()).split('\0'));
    }
    return unpacked.get(block);
  }
  function say(text) {
    const line = document.createElement('p');
    line.className = 'failed';
    line.textContent = text;
    detail.replaceChildren(line);
  }
  async function open(id) {
    const one = byId.get(id);
    find('#place').textContent = id;
    if (!dialog.open) dialog.showModal();
    if (!one) return say(`There is no case ${id} on this page.`);
    fold(one.scenario, true);
    one.scenario.unfolded = true;
    if (!('DecompressionStream' in window)) {
      return say('This browser cannot unpack what is known of a case: it lacks DecompressionStream. Chrome 80, Firefox 113, Safari 16.4 and later have it.');
    }
    let fragments;
    try {
      fragments = await unpack(one.scenario.block);
    } catch (error) {
      return say(`What is known of this case cannot be unpacked: ${error}`);
    }
    if (view.case !== id) return;
    const fragment = new DOMParser().parseFromString(fragments[one.index], 'text/html');
    detail.replaceChildren(...fragment.body.childNodes);
    detail.scrollTop = 0;
    detail.focus({ preventScroll: true });
    const list = cases.filter((other) => other.shown);
    const position = list.indexOf(one);
    find('#place').textContent = position < 0 ? '' : `${position + 1} of ${list.length} shown`;
  }
  function step(by) {
    const list = cases.filter((one) => one.shown);
    const next = list[list.findIndex((one) => one.id === view.case) + by];
    if (next) go({ case: next.id }, true);
  }
  dialog.addEventListener('close', () => {
    const one = byId.get(view.case);
    detail.replaceChildren();
    if (read(location.hash).case) go({ case: '' });
    one?.link.focus({ preventScroll: true });
    one?.row.scrollIntoView({ block: 'nearest' });
  });

  // What is pressed.
  document.addEventListener('click', (event) => {
    const target = event.target.closest('a, button');
    if (!target) {
      if (event.target === dialog || event.target === keys) event.target.close();
      return;
    }
    if (target.matches('a.case')) {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      go({ case: read(target.hash).case });
    } else if (target.matches('.fold')) {
      const scenario = scenarios.find((one) => one.button === target);
      toggle(scenario, !scenario.body.classList.contains('open'));
    } else if (target.matches('.chip')) {
      const { filter: name, value } = target.dataset;
      if (name === 'differs') return go({ differs: view.differs ? '' : value });
      const values = view[name] || usual[name] || [];
      go({ [name]: values.includes(value) ? values.filter((one) => one !== value) : [...values, value] });
    } else if (target.matches('[data-close]')) {
      target.closest('dialog').close();
    } else if (target.matches('[data-step]')) {
      step(Number(target.dataset.step));
    } else if (target.matches('[data-copy]')) {
      copy(target, target.previousElementSibling.textContent);
    } else if (target.id === 'all') {
      showAll();
    } else if (target.id === 'unfold') {
      unfoldAll();
    } else if (target.id === 'help') {
      keys.showModal();
    } else if (target.id === 'theme') {
      turn();
    }
  });
  for (const select of selects) {
    select.addEventListener('change', () => go({ [select.dataset.filter]: select.value }));
  }
  search.addEventListener('input', () => go({ q: search.value.trim() }, true));
  function toggle(scenario, unfolded) {
    scenario.unfolded = unfolded;
    fold(scenario, unfolded);
  }
  function showAll() {
    for (const scenario of scenarios) scenario.unfolded = false;
    filter();
    location.hash = '#all';
  }
  function unfoldAll() {
    const unfolded = scenarios.some((one) => !one.body.hidden && !one.body.classList.contains('open'));
    for (const scenario of scenarios) toggle(scenario, unfolded);
  }
  async function copy(button, text) {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'copied';
    } catch {
      const range = document.createRange();
      range.selectNodeContents(button.previousElementSibling);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      button.textContent = 'selected';
    }
  }

  // The keys.
  const isSeen = (element) => element.offsetParent !== null;
  function move(by) {
    const stops = all('.fold, tr.case a.case', matrix).filter(isSeen);
    const position = stops.indexOf(document.activeElement);
    const next = position < 0 ? (by > 0 ? stops[0] : undefined) : stops[position + by];
    next?.focus();
    next?.closest('tr').scrollIntoView({ block: 'nearest' });
  }
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, key } = event;
    if (target.matches('input, select')) {
      if (key === 'Escape') { search.value = ''; go({ q: '' }, true); target.blur(); }
      else if (target === search && (key === 'ArrowDown' || key === 'Enter')) { event.preventDefault(); target.blur(); move(1); }
      return;
    }
    if (keys.open) return;
    const acts = dialog.open
      ? { j: () => step(1), k: () => step(-1) }
      : {
        j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1),
        ArrowRight: () => turnFold(true), ArrowLeft: () => turnFold(false),
        '/': () => { search.focus(); search.select(); }, a: showAll, e: unfoldAll,
      };
    const act = key === '?' ? () => keys.showModal() : acts[key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  function turnFold(unfolded) {
    const body = document.activeElement.closest('tbody.scenario');
    const scenario = scenarios.find((one) => one.body === body);
    if (!scenario) return;
    toggle(scenario, unfolded);
    if (!unfolded) scenario.button.focus();
  }

  // Light and dark; where a file may keep nothing, only until it is closed.
  const root = document.documentElement;
  const kept = (act) => { try { return act(); } catch { return null; } };
  function paint(theme) {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    find('#theme').textContent = theme ? `theme: ${theme}` : 'theme: system';
  }
  function turn() {
    const next = { undefined: 'dark', dark: 'light', light: '' }[root.dataset.theme];
    paint(next);
    kept(() => localStorage.setItem('sockspec-theme', next));
  }
  paint(kept(() => localStorage.getItem('sockspec-theme')));

  // The head of the matrix stands below the toolbar.
  const toolbar = find('#toolbar');
  new ResizeObserver(() => root.style.setProperty('--bar', toolbar.offsetHeight - 1 + 'px')).observe(toolbar);
  addEventListener('hashchange', show);
  show();
})();
