// Uses pages of recorded runs as a person would; called by ci/page, which says what it needs.
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';

const { PROGRAM, CHROMIUM, RECORDINGS, SHOTS } = process.env;
const LARGEST = 15e6;
const LONGEST = 2_000;
const SUBJECTS = 25;
const CASES = 5_000;

let failed = 0;
function check(holds, what) {
  if (!holds) failed += 1;
  console.log(`${holds ? 'ok' : 'FAILED'}  ${what}`);
}

// Pages.
function program(...words) {
  try {
    execFileSync(PROGRAM, words, { stdio: ['ignore', 'ignore', 'inherit'], maxBuffer: 1 << 30 });
  } catch (error) {
    // The exit code is that of the run.
    if (![1, 3, 5].includes(error.status)) throw error;
  }
}
const made = (name, ...recordings) => {
  program('report', ...recordings, '--html', name);
  return resolve(name);
};
const lines = (path) => readFileSync(path, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
const written = (path, events) => {
  writeFileSync(path, events.map((event) => JSON.stringify(event)).join('\n') + '\n');
  return path;
};

// A run of so many cases, made of the scenarios of another as often as it takes.
function enlarged(path, number) {
  const events = lines(path);
  const start = events.find((event) => event.event === 'run-started');
  const end = events.find((event) => event.event === 'run-finished');
  const scenarios = events.filter((event) => event.event === 'scenario-loaded');
  const cases = events.filter((event) => event.event === 'case-finished');
  const all = { scenarios: [], cases: [] };
  for (let copy = 1; all.cases.length < number; copy += 1) {
    const id = (text) => (copy === 1 ? text : text.replace(/(\[|$)/, `-${copy}$1`));
    for (const one of scenarios) all.scenarios.push({ ...one, id: id(one.id) });
    for (const one of cases.slice(0, number - all.cases.length)) {
      all.cases.push({ ...one, case: id(one.case), scenario: id(one.scenario) });
    }
  }
  const count = { scenarios: all.scenarios.length, cases: all.cases.length };
  return [{ ...start, ...count }, ...all.scenarios, ...all.cases, end].filter(Boolean);
}

// The same run of so many subjects.
function several(path, number) {
  return Array.from({ length: number }, (_, position) => {
    const events = lines(path).map((event) => (event.event === 'run-started' ? { ...event, subject: `subject-${position}` } : event));
    return written(`several-${position}.jsonl`, events);
  });
}

// A run in which every text that a subject or a scenario gives tries to be obeyed.
const PLANTED = '<img src=x onerror="window.obeyed=1">"><script>window.obeyed=1</script></script>\u202e\u0007';
function planted(path) {
  const plant = (text) => text + PLANTED;
  return lines(path).map((event) => {
    if (event.event === 'run-started') {
      event.subject = plant(event.subject);
      event.subject_version = plant(event.subject_version);
      event.suite = plant(event.suite);
      for (const entry of event.known?.entries ?? []) entry.reason = plant(entry.reason);
    }
    if (event.event === 'scenario-loaded') {
      event.title = plant(event.title);
      event.cite = event.cite.map(plant);
      event.source = event.source.split('\n').map(plant).join('\n');
    }
    if (event.event === 'case-finished') {
      if (event.reason) event.reason = plant(event.reason);
      for (const host of event.packets?.hosts.keys() ?? []) event.packets.hosts[host] += PLANTED;
      for (const step of event.steps) {
        if (step.judgement.judgement === 'missed') step.judgement.detail = plant('detail');
      }
    }
    if (event.event === 'run-finished') event.leaks = [plant('socket 7')];
    return event;
  });
}

const standing = join(RECORDINGS, 'every-standing.jsonl');
const other = join(RECORDINGS, 'other-subject.jsonl');
const one = made('one.html', standing);
const two = made('two.html', standing, other);
const real = made('real.html', 'run.jsonl');
const hostile = made('hostile.html', written('hostile.jsonl', planted(standing)));
const large = made('large.html', written('large.jsonl', enlarged('run.jsonl', CASES)));
program('compare', standing, other, '--html', 'changes.html');
const changes = resolve('changes.html');

// The browser.
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
const complaints = [];
async function blank(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  return context.newPage();
}
async function opened(path, hash = '', options = {}, page = undefined) {
  page ??= await blank(options);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${path}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`${path}: ${error}`));
  page.on('request', (request) => {
    if (!/^(file|data|blob):/.test(request.url())) complaints.push(`${path} asks for ${request.url()}`);
  });
  await page.goto(`file://${path}${hash}`);
  return page;
}
// Through the page rather than the browser, which may not have heard yet of the address the page has just taken.
const step = (page, by) => page.evaluate((steps) => history.go(steps), by);
const until = async (page, what, holds, argument) => {
  try {
    await page.waitForFunction(holds, argument, { timeout: 5_000 });
    check(true, what);
  } catch {
    check(false, `${what} (the address is ${page.url().split('#')[1]})`);
  }
};
const eventually = async (what, holds) => {
  const deadline = performance.now() + 5_000;
  let found = await holds();
  while (!found && performance.now() < deadline) {
    await new Promise((done) => setTimeout(done, 20));
    found = await holds();
  }
  check(found, what);
};
const isOpen = (text) => {
  const heading = document.querySelector('#case[open] #detail h2');
  return heading !== null && heading.textContent.includes(text);
};
const isClosed = () => !document.querySelector('dialog[open]');
const hashIs = (text) => location.hash === text;
// The page follows its address a moment later.
const isShown = (count) => document.querySelectorAll('tr.case:not([hidden])').length === count;
const shot = async (page, name) => SHOTS && page.screenshot({ path: join(SHOTS, `${name}.png`) });

// The lowest contrast of any text that is seen (WCAG 2.2, 1.4.3).
const lowestContrast = () => {
  const parse = (text) => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const known = new Map();
  const colour = (text) => known.get(text) ?? known.set(text, parse(text)).get(text);
  const luminance = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((part) => {
      const value = part / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = colour(getComputedStyle(at).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  const inside = document.querySelector('dialog[open]') ?? document.body;
  const walker = document.createTreeWalker(inside, NodeFilter.SHOW_TEXT);
  let lowest = { ratio: 21, text: '' };
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || element.closest('script, style, noscript, option, svg, .away') || element.offsetParent === null) continue;
    const [a, b] = [luminance(colour(getComputedStyle(element).color)), luminance(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < lowest.ratio) lowest = { ratio, text: `${text.slice(0, 40)} in ${element.className || element.tagName}` };
  }
  return lowest;
};

const FAILED = 'halfclose/reverse-direction-stays-usable[tcp4,loopback]';
const FAILED_HASH = '#case=halfclose/reverse-direction-stays-usable%5Btcp4,loopback%5D';

// Filters and their addresses.
{
  const page = await opened(two);
  await until(page, 'all cases are there', isShown, 15);
  await page.locator('.chip[data-value="regression"]').click();
  await until(page, 'a chip stands in the address', hashIs, '#standing=regression');
  await until(page, 'a chip chooses by standing', isShown, 6);
  await page.locator('.chip[data-value="hang"]').click();
  await until(page, 'two chips stand in the address', hashIs, '#standing=regression&verdict=hang');
  await until(page, 'two chips choose what both mean', isShown, 1);
  await step(page, -1);
  await until(page, 'back leads to the view before', hashIs, '#standing=regression');
  await until(page, 'and shows it', isShown, 6);
  await step(page, 1);
  await until(page, 'forward leads to the view after', hashIs, '#standing=regression&verdict=hang');
  await page.locator('body').press('a');
  await until(page, 'all can be shown again', hashIs, '#all');
  await until(page, 'and are', isShown, 15);
  await page.locator('select[data-filter="area"]').selectOption('framing');
  await until(page, 'an area stands in the address', hashIs, '#area=framing');
  await until(page, 'an area is chosen', isShown, 3);
  await page.locator('body').press('a');
  await page.locator('.chip[data-filter="differs"]').click();
  await until(page, 'what differs stands in the address', hashIs, '#differs=yes');
  await until(page, 'what differs between columns', isShown, 2);
  await page.context().close();
}

// A link shows the same.
{
  const page = await opened(two, '#standing=known&transport=tcp4&q=shutdown');
  await eventually('a link fills in the search', async () => (await page.locator('#search').inputValue()) === 'shutdown');
  await eventually('a link presses its chip', async () => (await page.locator('.chip[data-value="known"]').getAttribute('aria-pressed')) === 'true');
  await eventually('a link chooses from lists', async () => (await page.locator('select[data-filter="transport"]').inputValue()) === 'tcp4');
  await until(page, 'a link shows the same view', isShown, 2);
  await page.goto(`file://${two}#case=nowhere%5Btcp4%5D`);
  await until(page, 'a link to a case that is not there says so', () => document.querySelector('#detail .failed') !== null);
  await page.context().close();
}

// Search and keys.
{
  const page = await opened(two);
  await page.locator('body').press('/');
  await page.keyboard.type('RFC 1122');
  await until(page, 'a search by clause stands in the address', hashIs, '#q=RFC%201122');
  await until(page, 'a clause is found', isShown, 5);
  await page.keyboard.press('Enter');
  await eventually('Enter leads to what was found', () => page.evaluate(() => document.activeElement.matches('.fold')));
  await page.keyboard.press('j');
  await eventually('j leads to the next row', () => page.evaluate(() => document.activeElement.matches('a.case')));
  const focused = await page.evaluate(() => document.activeElement.closest('tr').textContent);
  await page.keyboard.press('Enter');
  await until(page, 'Enter opens a case', isOpen, 'broadcast/reaches-every-host[lan,port=9]');
  await page.keyboard.press('j');
  await until(page, 'j leads to the next case', isOpen, '[lan]');
  await page.keyboard.press('k');
  await until(page, 'k leads to the case before', isOpen, '[lan,port=9]');
  await page.keyboard.press('Escape');
  await until(page, 'Escape closes it', isClosed);
  await until(page, 'and its address', hashIs, '#q=RFC%201122');
  await eventually('the row has the focus again', async () => (await page.evaluate(() => document.activeElement.closest('tr')?.textContent)) === focused);
  await page.keyboard.press('ArrowLeft');
  const unfolded = () => page.locator('tbody.scenario.open:not([hidden])').count();
  await eventually('the left arrow folds a scenario', async () => (await unfolded()) === 0);
  await page.keyboard.press('ArrowRight');
  await eventually('the right arrow unfolds it', async () => (await unfolded()) === 1);
  await page.keyboard.press('?');
  await eventually('? shows the keys', () => page.locator('#keys').isVisible());
  await page.keyboard.press('Escape');
  await until(page, 'Escape closes them', isClosed);
  await page.locator('body').press('/');
  await page.keyboard.press('Escape');
  await until(page, 'Escape leaves the search', hashIs, '#all');
  await page.context().close();
}

// A case.
{
  const page = await opened(two, FAILED_HASH);
  await until(page, 'a link opens its case', isOpen, FAILED);
  const detail = page.locator('#detail');
  const text = await detail.textContent();
  for (const part of ['RFC 9293 §3.6', 'ECONNRESET', 'reports/kernel.toml:4', 'the reason that stands', "sockspec run 'halfclose", 'stack-a', 'RST']) {
    check(text.includes(part), `the case says ${part}`);
  }
  check((await detail.locator('.listing mark').first().textContent()) === '"pong"', 'the failing point is marked in the source');
  check((await detail.locator('svg').count()) > 0, 'there is a sequence diagram');
  const [download] = await Promise.all([page.waitForEvent('download'), detail.locator('a.file').first().click()]);
  const bytes = readFileSync(await download.path());
  check(bytes.readUInt32LE(0) === 0x0a0d0d0a && download.suggestedFilename().endsWith('.pcapng'), `its packets can be had: ${download.suggestedFilename()}, ${bytes.length} bytes`);
  await page.locator('#case [data-close]').click();
  await until(page, 'a button closes it', isClosed);
  await step(page, -1);
  await until(page, 'back opens it again', isOpen, FAILED);
  await page.context().close();
  const bytesPage = await opened(two, '#case=framing/large-message%5Btcp4,loopback%5D');
  await until(bytesPage, 'a difference of bytes is shown', () => document.querySelector('#detail .x-bytes') !== null);
  await bytesPage.context().close();
}

// What changed.
{
  const page = await opened(changes);
  const all = await page.locator('tr.case').count();
  const same = await page.locator('tr.case[data-change="same"]').count();
  check(same > 0, 'some cases are the same');
  await until(page, 'a comparison shows what changed', isShown, all - same);
  await page.locator('.chip[data-value="same"]').click();
  await until(page, 'and the rest when asked', (number) => document.querySelectorAll('tr.case:not([hidden])').length === number, all);
  await page.locator('.chip[data-value="same"]').click();
  await until(page, 'or not', hashIs, '#all');
  await shot(page, 'comparison-light');
  await page.context().close();
}

// Light, dark, narrow, and contrast.
for (const colorScheme of ['light', 'dark']) {
  for (const [name, path, hash] of [['matrix', two, '#verdict=fail,hang,crash,slow,skipped,unsupported,broken,pass&standing='], ['run', real, ''], ['case', two, FAILED_HASH], ['bytes', two, '#case=framing/large-message%5Btcp4,loopback%5D'], ['comparison', changes, '']]) {
    const page = await opened(path, hash, { colorScheme });
    if (hash.startsWith('#case')) await page.locator('#detail h2').waitFor();
    const { ratio, text } = await page.evaluate(lowestContrast);
    check(ratio >= 4.5, `${name}, ${colorScheme}: the lowest contrast is ${ratio.toFixed(2)} (${text})`);
    await shot(page, `${name}-${colorScheme}`);
    await page.context().close();
  }
}
{
  const page = await opened(two);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.locator('#theme').click();
  await eventually('a button turns it dark', async () => (await ground()) !== light);
  await page.reload();
  await eventually('and it stays dark', async () => (await ground()) !== light);
  await page.context().close();
}
for (const [name, path, hash] of [['matrix', two, ''], ['run', real, ''], ['case', two, FAILED_HASH], ['comparison', changes, '']]) {
  const page = await opened(path, hash, { viewport: { width: 390, height: 844 } });
  if (hash) await page.locator('#detail h2').waitFor();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  check(wide <= 0, `${name}: nothing is wider than a phone`);
  await shot(page, `${name}-narrow`);
  await page.context().close();
}

// Without the script.
{
  const page = await opened(two, '', { javaScriptEnabled: false });
  check(await page.locator('tr.case').first().isVisible(), 'without the script the matrix can be read');
  check(await page.locator('.counts').first().isVisible(), 'and the summary');
  await shot(page, 'without-script');
  await page.context().close();
}
{
  const page = await opened(two);
  await page.evaluate(() => delete window.DecompressionStream);
  await page.locator('.notices a.case').first().click();
  await until(page, 'a browser that cannot unpack says so', () => document.querySelector('#detail')?.textContent.includes('DecompressionStream'));
  await page.context().close();
}

// Nothing is obeyed.
{
  const page = await opened(hostile);
  const hrefs = await page.locator('tr.case a.case').evaluateAll((links) => links.map((link) => link.hash));
  for (const hash of hrefs) {
    await page.evaluate((hash) => { location.hash = hash; }, hash);
    await page.waitForFunction(isOpen, '/');
    await page.waitForTimeout(20);
  }
  check(await page.evaluate(() => window.obeyed === undefined && document.querySelector('img') === null), `of ${hrefs.length} hostile cases none is obeyed`);
  await page.context().close();
}

// What a large page costs.
{
  const { size } = statSync(large);
  check(size < LARGEST, `a page of ${CASES} cases has ${(size / 1e6).toFixed(1)} MB, the suite's ${(statSync(real).size / 1e6).toFixed(1)} MB`);
  const times = [];
  for (let round = 0; round < 3; round += 1) {
    const page = await blank();
    const began = performance.now();
    await opened(large, '', {}, page);
    await page.waitForFunction(() => document.querySelector('#state').textContent !== '');
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    times.push(performance.now() - began);
    if (round === 2) {
      const cases = await page.locator('tr.case').count();
      check(cases === CASES, `it has ${cases} cases`);
      const start = performance.now();
      await page.locator('tr.case a.case').last().evaluate((link) => link.click());
      await page.waitForFunction(() => document.querySelector('#detail h2') !== null);
      const open = performance.now() - start;
      await page.keyboard.press('Escape');
      await page.waitForFunction(isClosed);
      const typed = performance.now();
      await page.locator('#search').fill('eof');
      await page.waitForFunction(() => location.hash.startsWith('#q=eof') && document.querySelector('#state').textContent.includes(' of '));
      console.log(`    a case is opened in ${open.toFixed(0)} ms, a search shown in ${(performance.now() - typed).toFixed(0)} ms`);
    }
    await page.context().close();
  }
  times.sort((a, b) => a - b);
  check(times[1] < LONGEST, `it opens in ${times[1].toFixed(0)} ms`);
}

// Many subjects beside each other.
{
  const many = made('many.html', ...several('run.jsonl', SUBJECTS));
  const { size } = statSync(many);
  check(size < LARGEST, `a page of ${SUBJECTS} subjects has ${(size / 1e6).toFixed(1)} MB`);
  const page = await opened(many);
  await page.waitForFunction(() => document.querySelector('#state').textContent !== '');
  const names = await page.locator('#matrix thead th + th span').evaluateAll((all) => all.map((one) => {
    const { width, height } = one.getBoundingClientRect();
    return { width, height, isWhole: one.scrollHeight <= one.clientHeight + 1 };
  }));
  check(names.length === SUBJECTS && names.every((one) => one.isWhole && one.width < 30), 'each has a narrow column with its whole name');
  await shot(page, 'many');
  await page.evaluate(() => window.scrollTo(10_000, 2_000));
  const left = await page.locator('.scenario .head th').first().evaluate((cell) => cell.getBoundingClientRect().left);
  check(left >= 0, 'what a row is stays when the page scrolls sideways');
  await shot(page, 'many-scrolled');
  await page.context().close();
}

check(complaints.length === 0, `no error on any page${complaints.map((text) => `\n    ${text}`).join('')}`);
await browser.close();
console.log(failed === 0 ? 'all as it should be' : `${failed} checks failed`);
process.exit(failed === 0 ? 0 : 1);
