// The official client from npm, unmodified, against a running server. openai_node_test.py starts both; the environment names
// the server's address (QUANDEX_URL), that of a server whose model follows a script (QUANDEX_SCRIPTED_URL, its key
// QUANDEX_SCRIPTED_KEY), and the folder where npm's packages are (QUANDEX_NODE_FOLDER).
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';

const { default: OpenAI } = createRequire(`${process.env.QUANDEX_NODE_FOLDER}/`)('openai');
const url = process.env.QUANDEX_URL;
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused', maxRetries: 0, timeout: 60_000 });
const scripted = new OpenAI({
  baseURL: `${process.env.QUANDEX_SCRIPTED_URL}/v1`, apiKey: process.env.QUANDEX_SCRIPTED_KEY, maxRetries: 0,
});
const model = 'default';
const messages = [{ role: 'user', content: 'Tell me a story about a dog.' }];
const question = [{ role: 'user', content: 'How is the weather in Paris?' }];
const tools = [{
  type: 'function',
  function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
}];

async function all(stream) {
  const chunks = [];
  for await (const chunk of await stream) chunks.push(chunk);
  return chunks;
}

const textOf = (chunks, index = 0) =>
  chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.index === index)
    .map((choice) => choice.delta.content ?? '').join('');

async function metric(name) {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  assert.notEqual(lines.length, 0, name);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

async function untilIdle() {
  for (let i = 0; i < 6000; ++i) {
    if (await metric('sequences_running') + await metric('sequences_waiting') === 0) return;
    await sleep(10);
  }
  assert.fail('a request is still in the engine');
}

test('a stream has the text and the usage of the whole answer with that seed', async () => {
  const options = { model, messages, seed: 3, max_tokens: 40 };
  const whole = await client.chat.completions.create(options);
  assert.equal(whole.choices[0].message.role, 'assistant');
  assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
  const chunks = await all(client.chat.completions.create(
    { ...options, stream: true, stream_options: { include_usage: true } }));
  assert.equal(textOf(chunks), whole.choices[0].message.content);
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.equal(chunks.at(-1).usage.completion_tokens, whole.usage.completion_tokens);
  assert.ok(chunks.length > 10);
});

test('several choices come in one stream', async () => {
  const options = { model, messages, seed: 4, n: 2, max_tokens: 16, temperature: 1 };
  const whole = await client.chat.completions.create(options);
  const chunks = await all(client.chat.completions.create({ ...options, stream: true }));
  assert.deepEqual([0, 1].map((index) => textOf(chunks, index)), whole.choices.map((choice) => choice.message.content));
});

test('the helper for streams ends with the whole answer', async () => {
  const stream = client.chat.completions.stream({ model, messages, seed: 5, max_tokens: 12 });
  let text = '';
  stream.on('content', (delta) => { text += delta; });
  assert.equal((await stream.finalChatCompletion()).choices[0].message.content, text);
});

test('log probabilities belong to the text', async () => {
  const answer = await client.chat.completions.create(
    { model, messages, temperature: 0, logprobs: true, top_logprobs: 2, max_tokens: 6 });
  const bytes = Buffer.from(answer.choices[0].logprobs.content.flatMap((token) => token.bytes));
  assert.equal(bytes.toString(), answer.choices[0].message.content);
  for (const token of answer.choices[0].logprobs.content) assert.equal(token.top_logprobs[0].token, token.token);
});

test('completions take texts and tokens', async () => {
  const prompt = 'Once upon a time';
  const options = { model, temperature: 0, max_tokens: 8 };
  const { choices: [{ text }] } = await client.completions.create({ ...options, prompt });
  const tokens = (await (await fetch(`${url}/tokenize`, {
    method: 'POST', body: JSON.stringify({ content: prompt }), headers: { 'content-type': 'application/json' },
  })).json()).tokens;
  const both = await client.completions.create({ ...options, prompt: [tokens, tokens] });
  assert.deepEqual(both.choices.map((choice) => choice.text), [text, text]);
  const chunks = await all(client.completions.create({ ...options, prompt, stream: true }));
  assert.equal(chunks.map((chunk) => chunk.choices[0].text).join(''), text);
});

test('models are listed and found', async () => {
  const { data: [served] } = await client.models.list();
  assert.equal((await client.models.retrieve(served.id)).id, served.id);
  await assert.rejects(client.models.retrieve('gpt-4o'), (error) =>
    error instanceof OpenAI.NotFoundError && error.code === 'model_not_found');
});

test('errors have classes, codes and the name of the field', async () => {
  const refused = (options) => client.chat.completions.create({ model, messages, ...options });
  for (const [param, options] of [
    ['temperature', { temperature: 3 }], ['n', { n: 0 }], ['no_such_field', { no_such_field: true }],
    ['messages', { messages: [] }], ['response_format', { response_format: { type: 'json_object' } }]]) {
    await assert.rejects(refused(options), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError, `${error}`);
      assert.ok(error.param.startsWith(param), error.param);
      return true;
    });
  }
  await assert.rejects(refused({ messages: [{ role: 'user', content: 'cat '.repeat(3000) }] }), (error) =>
    error.code === 'context_length_exceeded');
  await assert.rejects(scripted.withOptions({ apiKey: 'wrong' }).models.list(), OpenAI.AuthenticationError);
});

test('tools are called, streamed or not', async () => {
  const whole = await scripted.chat.completions.create({ model, messages: question, tools });
  const [call] = whole.choices[0].message.tool_calls;
  assert.equal(whole.choices[0].finish_reason, 'tool_calls');
  assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Paris' });
  const stream = scripted.chat.completions.stream({ model, messages: question, tools });
  const [streamed] = (await stream.finalChatCompletion()).choices[0].message.tool_calls;
  assert.deepEqual(streamed.function.arguments, call.function.arguments);
});

test('runTools calls the function and gets the last answer', async () => {
  const asked = [];
  const runner = scripted.chat.completions.runTools({
    model, messages: question,
    tools: [{ type: 'function', function: { ...tools[0].function, parse: JSON.parse,
      function: ({ city }) => { asked.push(city); return 'clear'; } } }],
  });
  assert.equal(await runner.finalContent(), 'It is sunny in the city today.');
  assert.deepEqual(asked, ['Paris']);
});

test('what a client gives up is cancelled', async () => {
  const before = await metric('engine_computed_tokens_total');
  const endless = { model, messages, n: 8, seed: 1, ignore_eos: true };
  const stream = await client.chat.completions.create({ ...endless, stream: true });
  for await (const chunk of stream) { assert.ok(chunk.id); break; }
  const gone = new AbortController();
  const whole = client.chat.completions.create(endless, { signal: gone.signal });
  setTimeout(() => gone.abort(), 50);
  await assert.rejects(whole, OpenAI.APIUserAbortError);
  await assert.rejects(client.chat.completions.create(endless, { timeout: 50 }), OpenAI.APIConnectionTimeoutError);
  await untilIdle();
  assert.ok(await metric('engine_computed_tokens_total') - before < 3 * 8 * 900);
});

test('many at once get what each gets alone', async () => {
  const ask = async (seed) => (await client.chat.completions.create(
    { model, messages, seed, max_tokens: 20 })).choices[0].message.content;
  const alone = [];
  for (const seed of [1, 2, 3, 4]) alone.push(await ask(seed));
  assert.deepEqual(await Promise.all([1, 2, 3, 4].map(ask)), alone);
});
