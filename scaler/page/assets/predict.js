/** Form that sends one predict request through the gateway, and shows the pod and the batch that answered it. */
import { byId, element, setAttribute, setShown, setText } from './dom.js';
import { counted, duration } from './format.js';

/** @typedef {{ name: string, datatype: string, shape: number[] }} Tensor */

/** Longer than the 35 s after which the scaler gives up on the gateway. */
const timeoutMs = 40_000;
const shownBytes = 20_000;
/** Time after which a model's inputs, if unknown, are asked for again. */
const askAgainMs = 5_000;
/** Largest number of elements in an example; users write larger inputs themselves. */
const maxElements = 1_000;
const sampleText = 'Bonjour tout le monde';

export class PredictForm {
  #onAnswer;
  #form = /** @type {HTMLFormElement} */ (byId('predict'));
  #model = /** @type {HTMLSelectElement} */ (byId('model'));
  #input = /** @type {HTMLTextAreaElement} */ (byId('input'));
  #send = /** @type {HTMLButtonElement} */ (byId('send'));
  #sent = byId('sent');
  /** Name of the only input if it is text; otherwise the user writes the whole body. @type {string | null} */
  #textInput = null;
  /** Example in the box, to tell it from what the user wrote. */
  #example = '';
  /** Text that the user wrote for other models, by model. @type {Map<string, string>} */
  #drafts = new Map();
  /** Model that the box's text belongs to. */
  #writtenFor = '';
  /** Whether the chosen model's inputs are known. */
  #known = false;
  #askedAtMs = -Infinity;

  /** @param {(model: string, pod: string) => void} onAnswer */
  constructor(onAnswer) {
    this.#onAnswer = onAnswer;
    this.#model.addEventListener('change', () => void this.#prepare());
    this.#input.addEventListener('focus', () => {
      if (!this.#known) void this.#prepare();
    });
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.#input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
  }

  /** @param {readonly string[]} names */
  setModels(names) {
    const known = [...this.#model.options].map((option) => option.value);
    if (known.join('\n') === names.join('\n')) {
      const untouched = this.#input.value === this.#example && document.activeElement !== this.#input;
      const due = performance.now() - this.#askedAtMs > askAgainMs;
      if (!this.#known && untouched && due) void this.#prepare();
      return;
    }
    const chosen = this.#model.value;
    this.#model.replaceChildren(...names.map((name) => element('option', { value: name }, name)));
    const first = names.includes('langid') ? 'langid' : (names[0] ?? '');
    this.#model.value = names.includes(chosen) ? chosen : first;
    if (this.#model.value !== chosen) void this.#prepare();
  }

  /** Prepares the box for the chosen model's inputs, which one of its pods describes; without them the body is plain JSON. */
  async #prepare() {
    const model = this.#model.value;
    if (model === '') return;
    this.#askedAtMs = Infinity;
    const inputs = await inputsOf(model);
    if (this.#model.value !== model) return;
    this.#askedAtMs = performance.now();
    this.#known = inputs.length > 0;
    const [only] = inputs;
    this.#textInput = inputs.length === 1 && only?.datatype === 'BYTES' && only.shape.length === 1 ? only.name : null;
    const isText = this.#textInput !== null;
    setText(byId('input-label'), isText ? 'Text' : 'Body');
    setText(byId('input-hint'), isText ? '' : 'JSON, Open Inference Protocol');
    const { value } = this.#input;
    if (value === '' || value === this.#example) this.#drafts.delete(this.#writtenFor);
    else this.#drafts.set(this.#writtenFor, value);
    this.#writtenFor = model;
    this.#example = isText ? sampleText : exampleOf(inputs);
    this.#input.value = this.#drafts.get(model) ?? this.#example;
    setAttribute(this.#input, 'rows', isText ? '2' : '5');
    this.#input.classList.toggle('code', !isText);
  }

  async #submit() {
    const model = this.#model.value;
    const { value } = this.#input;
    const body =
      this.#textInput === null
        ? value
        : JSON.stringify({ inputs: [{ name: this.#textInput, datatype: 'BYTES', shape: [1], data: [value] }] });
    this.#send.disabled = true;
    setText(this.#sent, 'waiting for the response …');
    const startedMs = performance.now();
    try {
      const response = await fetch(`api/predict/${encodeURIComponent(model)}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = await response.text();
      this.#show(model, response, text, performance.now() - startedMs);
    } catch (error) {
      setShown(byId('answer'), false);
      setText(this.#sent, `no response: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      this.#send.disabled = false;
    }
  }

  /**
   * @param {string} model
   * @param {Response} response
   * @param {string} text
   * @param {number} tookMs
   */
  #show(model, response, text, tookMs) {
    const pod = response.headers.get('sluice-pod');
    const batch = Number(response.headers.get('sluice-batch'));
    setText(this.#sent, response.ok ? 'response received' : `failed with status ${response.status}`);
    const rows = [
      ['pod', pod ?? 'none'],
      ['batch', batch > 0 ? counted(batch, 'row') : '–'],
      ['status', String(response.status)],
      ['took', duration(tookMs)],
    ];
    byId('answered-by').replaceChildren(
      ...rows.map(([name, value]) => element('div', {}, element('dt', {}, name ?? ''), element('dd', {}, value ?? ''))),
    );
    const tidy = tidied(text);
    setText(byId('answer-body'), tidy.length > shownBytes ? `${tidy.slice(0, shownBytes)} …` : tidy);
    byId('answer').classList.toggle('failed', !response.ok);
    setShown(byId('answer'), true);
    if (pod !== null) this.#onAnswer(model, pod);
  }
}

/**
 * @param {string} model
 * @returns {Promise<readonly Tensor[]>} empty if unknown
 */
async function inputsOf(model) {
  try {
    const response = await fetch(`api/models/${encodeURIComponent(model)}`, { signal: AbortSignal.timeout(10_000) });
    const metadata = response.ok ? await response.json() : {};
    return Array.isArray(metadata.inputs) ? metadata.inputs : [];
  } catch {
    return [];
  }
}

/**
 * @param {readonly Tensor[]} inputs
 * @returns {string} an example body with all elements zero
 */
function exampleOf(inputs) {
  const tensors = inputs.map(({ name, datatype, shape }) => {
    const one = shape.map((size) => Math.max(1, size));
    const count = one.reduce((product, size) => product * size, 1);
    const zero = datatype === 'BYTES' ? '' : datatype === 'BOOL' ? false : 0;
    const data = count > maxElements ? [] : new Array(count).fill(zero);
    return `    { "name": ${JSON.stringify(name)}, "datatype": ${JSON.stringify(datatype)}, "shape": ${JSON.stringify(one)},\n      "data": ${JSON.stringify(data)} }`;
  });
  return `{ "inputs": [\n${tensors.join(',\n')}\n] }`;
}

/**
 * @param {string} text
 * @returns {string} one line per output if it is a predict response; other JSON indented, other text unchanged
 */
function tidied(text) {
  try {
    const value = JSON.parse(text);
    const outputs = Array.isArray(value.outputs) ? value.outputs : null;
    if (outputs === null) return JSON.stringify(value, null, 2);
    return outputs
      .map(
        (/** @type {{ name: unknown, data: unknown }} */ { name, data }) => `${String(name)}: ${JSON.stringify(data)}`,
      )
      .join('\n');
  } catch {
    return text;
  }
}
