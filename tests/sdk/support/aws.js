// What the tests of AWS's SDKs share: clients of the simulated services, and bodies as Converse has them.
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { instructions } from './documents.js';

export const model = 'anthropic.claude-sonnet-5';

/**
 * Options of any client of AWS's SDK. The simulator knows every access key id; its secret is `secret-of-` and the id.
 * It speaks HTTP/1.1, as Bedrock does besides HTTP/2, which the runtime's client would begin with.
 */
export const optionsOf = (simulator, id, more = {}) => ({
  region: 'us-east-1',
  endpoint: simulator.at('/bedrock'),
  credentials: { accessKeyId: id, secretAccessKey: `secret-of-${id}` },
  systemClockOffset: simulator.ahead(), // it signs the time; from then on it follows the dates of the answers
  maxAttempts: 1,
  requestHandler: new NodeHttpHandler(),
  logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  ...more,
});

/** The body of Converse for one document: without its model, the modelInput of a record. */
export const bodyOf = (document, { cachePoint, ...more } = {}) => ({
  system: [{ text: instructions }, ...(cachePoint ? [{ cachePoint }] : [])],
  messages: [{ role: 'user', content: [{ text: document.text }] }],
  ...more,
});
