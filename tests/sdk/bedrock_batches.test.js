// AWS's official `@aws-sdk/client-bedrock` and `@aws-sdk/client-s3`: a job from its upload to its rows, manifest and bill; states,
// lists, stops, refusals; objects as S3 has them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Readable } from 'node:stream';
import {
  BedrockClient,
  ConflictException,
  CreateModelInvocationJobCommand,
  GetModelInvocationJobCommand,
  ListModelInvocationJobsCommand,
  ResourceNotFoundException,
  StopModelInvocationJobCommand,
  ThrottlingException,
  ValidationException,
  paginateListModelInvocationJobs,
} from '@aws-sdk/client-bedrock';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  NotFound,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import { bodyOf, model, optionsOf } from './support/aws.js';
import { jsonl, parsed } from './support/chat.js';
import { documents } from './support/documents.js';
import { Simulator, collect, errorOf, until } from './support/simulator.js';

const Bucket = 'weir-jobs';
const HOUR_MS = 3_600_000;
let simulator;

/** An account: both of its clients, and what tests do with them. */
class Account {
  constructor(id, { at = simulator, ...more } = {}) {
    this.id = id;
    this.options = optionsOf(at, id, { forcePathStyle: true, ...more });
    this.bedrock = new BedrockClient(this.options);
    this.s3 = new S3Client(this.options);
    this.simulator = at;
  }
  put = (Key, Body, more) => this.s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
  read = async (Key) =>
    (await this.s3.send(new GetObjectCommand({ Bucket, Key }))).Body.transformToString();
  create = (jobName, more = {}) =>
    this.bedrock.send(
      new CreateModelInvocationJobCommand({
        jobName,
        roleArn: 'arn:aws:iam::123456789012:role/batches',
        modelId: model,
        modelInvocationType: 'Converse',
        inputDataConfig: { s3InputDataConfig: { s3Uri: `s3://${Bucket}/in/job.jsonl`, s3InputFormat: 'JSONL' } },
        outputDataConfig: { s3OutputDataConfig: { s3Uri: `s3://${Bucket}/out/` } },
        ...more,
      }),
    );
  get = (jobIdentifier) => this.bedrock.send(new GetModelInvocationJobCommand({ jobIdentifier }));
  stop = (jobIdentifier) => this.bedrock.send(new StopModelInvocationJobCommand({ jobIdentifier }));
  list = async (more) =>
    (await this.bedrock.send(new ListModelInvocationJobsCommand(more))).invocationJobSummaries;
  ended = (arn) =>
    until(async () => {
      const job = await this.get(arn);
      return job.endTime && job;
    });
  bill = () => this.simulator.bill(this.id);
}

const count = 120;
const idOf = (i) => `R${String(i).padStart(10, '0')}`;
const records = (more = {}) =>
  Array.from({ length: count }, (_, i) => ({
    recordId: idOf(i),
    modelInput: bodyOf(documents[i % documents.length], { inferenceConfig: { maxTokens: 100 }, ...more[i] }),
  }));
const folderOf = (job) => `out/${job.jobArn.split('/').at(-1)}/`;

before(async () => {
  simulator = await Simulator.start({ timeScale: 600 });
});
after(() => simulator?.stop());

describe('jobs', () => {
  test('from the upload to the rows, the manifest and the bill', async () => {
    const account = new Account('AKIAWHOLE');
    const sent = records({ 7: { inferenceConfig: { maxTokens: -1 } }, 9: { system: [{ cachePoint: { type: 'default' } }] } });
    await account.put('in/job.jsonl', jsonl(sent), { ContentType: 'application/jsonl' });
    const { jobArn } = await account.create('whole');
    assert.match(jobArn, /^arn:aws:bedrock:us-east-1:123456789012:model-invocation-job\/[a-z0-9]{12}$/);

    const states = [];
    const job = await until(
      async () => {
        const now = await account.get(jobArn);
        if (states.at(-1) !== now.status) states.push(now.status);
        return now.endTime && now;
      },
      { pause: 5 },
    );
    const order = ['Submitted', 'Validating', 'Scheduled', 'InProgress', 'Completed'];
    assert.deepEqual(states, order.filter((state) => states.includes(state)));
    assert.ok(states.includes('InProgress'));
    assert.equal(job.status, 'Completed');
    assert.equal(job.jobName, 'whole');
    assert.equal(job.modelId, model);
    assert.equal(job.modelInvocationType, 'Converse');
    assert.equal(job.message, undefined);
    assert.ok(job.clientRequestToken.length > 0); // the SDK makes one
    assert.ok(job.submitTime < job.endTime && job.endTime <= job.lastModifiedTime);
    assert.equal(job.jobExpirationTime - job.submitTime, 24 * HOUR_MS);
    assert.equal(job.timeoutDurationInHours, 24);
    assert.equal(job.inputDataConfig.s3InputDataConfig.s3Uri, `s3://${Bucket}/in/job.jsonl`);
    assert.equal(job.outputDataConfig.s3OutputDataConfig.s3Uri, `s3://${Bucket}/out/`);
    const { totalRecordCount, processedRecordCount, successRecordCount, errorRecordCount } = job;
    assert.deepEqual(
      [totalRecordCount, processedRecordCount, successRecordCount, errorRecordCount],
      [count, count, count - 2, 2],
    );

    const { Contents } = await account.s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'out/' }));
    const folder = folderOf(job);
    assert.deepEqual(
      Contents.map((object) => object.Key),
      [`${folder}job.jsonl.out`, `${folder}manifest.json.out`],
    );
    const rows = parsed(await account.read(`${folder}job.jsonl.out`));
    assert.deepEqual(rows.map((row) => row.recordId).sort(), sent.map((record) => record.recordId));
    const bad = rows.filter((row) => row.error);
    assert.deepEqual(bad.map((row) => row.recordId).sort(), [idOf(7), idOf(9)]);
    for (const { error, modelOutput } of bad) {
      assert.equal(error.errorCode, 400);
      assert.ok(error.errorMessage.length > 0);
      assert.equal(modelOutput, undefined);
    }
    const sum = { input: 0, output: 0 };
    for (const row of rows) {
      assert.deepEqual(row.modelInput, sent[Number(row.recordId.slice(1))].modelInput);
      if (row.error) continue;
      const { output, stopReason, usage } = row.modelOutput;
      assert.equal(stopReason, 'end_turn');
      assert.ok(output.message.content[0].text.length > 0);
      assert.equal(usage.cacheReadInputTokens + usage.cacheWriteInputTokens, 0);
      sum.input += usage.inputTokens;
      sum.output += usage.outputTokens;
    }
    assert.deepEqual(JSON.parse(await account.read(`${folder}manifest.json.out`)), {
      totalRecordCount: count,
      processedRecordCount: count,
      successRecordCount: count - 2,
      errorRecordCount: 2,
      inputTokenCount: sum.input,
      outputTokenCount: sum.output,
    });

    const bill = await account.bill();
    assert.deepEqual(
      bill.map((row) => row.custom_id).sort(),
      rows.filter((row) => !row.error).map((row) => row.recordId).sort(),
    );
    const billed = (name) => bill.reduce((all, row) => all + row.tokens[name], 0);
    assert.equal(billed('input'), sum.input);
    assert.equal(billed('output'), sum.output);
    assert.equal(billed('cache_read'), 0);
    for (const row of bill) {
      assert.equal(row.route, 'batch');
      assert.equal(row.delivered, true);
      // Half of 2 and 10 dollars a million tokens; a model by its bare id costs a tenth more.
      assert.equal(row.pico_usd, row.tokens.input * 1_100_000 + row.tokens.output * 5_500_000);
    }
  });

  test('one clientRequestToken, one job; one name, one job', async () => {
    const account = new Account('AKIATOKEN');
    await account.put('in/job.jsonl', jsonl(records()));
    const first = await account.create('tokens', { clientRequestToken: 'once' });
    const again = await account.create('tokens', { clientRequestToken: 'once' });
    assert.equal(again.jobArn, first.jobArn);
    const other = await errorOf(account.create('tokens', { clientRequestToken: 'twice' }));
    assert.ok(other instanceof ConflictException, `${other}`);
    assert.equal((await account.list({ nameContains: 'tokens' })).length, 1);
    await account.ended(first.jobArn);
    assert.equal((await account.bill()).length, count);
  });

  test('fewer than 100 records fail the job, and cost nothing', async () => {
    const account = new Account('AKIAFEW');
    await account.put('in/job.jsonl', jsonl(records().slice(0, 99)));
    const few = await account.ended((await account.create('few')).jobArn);
    assert.equal(few.status, 'Failed');
    assert.match(few.message, /less records \(99\) than the required minimum of: 100/);
    await account.put('in/job.jsonl', `${jsonl(records())}no JSON\n`);
    const broken = await account.ended((await account.create('broken')).jobArn);
    assert.equal(broken.status, 'Failed');
    assert.match(broken.message, /Line 121/);
    await account.s3.send(new DeleteObjectCommand({ Bucket, Key: 'in/job.jsonl' }));
    const missing = await account.ended((await account.create('missing')).jobArn);
    assert.equal(missing.status, 'Failed');
    assert.match(missing.message, /does not exist/);
    const failed = await account.list({ statusEquals: 'Failed' });
    assert.deepEqual(failed.map((job) => job.jobName), ['missing', 'broken', 'few']);
    assert.equal(failed[2].message, few.message);
    assert.deepEqual(await account.bill(), []);
  });

  test('what the create refuses', async () => {
    const account = new Account('AKIAREFUSED');
    const place = (s3Uri) => ({ outputDataConfig: { s3OutputDataConfig: { s3Uri } } });
    for (const [name, more, message] of [
      ['a b', {}, /jobName/],
      ['x'.repeat(64), {}, /jobName/],
      ['a', { roleArn: 'me' }, /roleArn/],
      ['a', { modelId: 'anthropic.claude-none' }, /model identifier is invalid/],
      ['a', { timeoutDurationInHours: 23 }, /timeoutDurationInHours/],
      ['a', { timeoutDurationInHours: 169 }, /timeoutDurationInHours/],
      ['a', { clientRequestToken: 'x'.repeat(257) }, /clientRequestToken/],
      ['a', place('https://weir-jobs/out/'), /s3Uri/],
      ['a', place('s3://'), /s3Uri/],
    ]) {
      const error = await errorOf(account.create(name, more));
      assert.ok(error instanceof ValidationException, `${name} ${JSON.stringify(more)}: ${error}`);
      assert.equal(error.$metadata.httpStatusCode, 400);
      assert.match(error.message, message);
    }
    assert.deepEqual(await account.list({}), []);
    const busy = await Simulator.start({
      faults: [{ match: { operation: 'batch_create' }, fault: 'rate_limited' }],
    });
    try {
      assert.ok((await errorOf(new Account('AKIABUSY', { at: busy }).create('a'))) instanceof ThrottlingException);
    } finally {
      await busy.stop();
    }
  });

  test('stopped: what was run by then is delivered and billed', async () => {
    const slow = await Simulator.start({ timeScale: 60 });
    try {
      const account = new Account('AKIASTOP', { at: slow });
      await account.put('in/job.jsonl', jsonl(records()));
      const { jobArn } = await account.create('stopped');
      await until(async () => (await account.get(jobArn)).processedRecordCount > 0);
      const { $metadata, ...answer } = await account.stop(jobArn);
      assert.equal($metadata.httpStatusCode, 200);
      assert.deepEqual(answer, {});
      assert.equal((await account.get(jobArn)).status, 'Stopping');
      const job = await account.ended(jobArn);
      assert.equal(job.status, 'Stopped');
      const rows = parsed(await account.read(`${folderOf(job)}job.jsonl.out`));
      assert.equal(rows.length, job.processedRecordCount);
      assert.ok(rows.length > 0 && rows.length < count);
      const bill = await account.bill();
      assert.deepEqual(bill.map((row) => row.custom_id).sort(), rows.map((row) => row.recordId).sort());
      assert.ok((await errorOf(account.stop(jobArn))) instanceof ConflictException);
    } finally {
      await slow.stop();
    }
  });

  test('a timeout: some rows were run, the others are errors', async () => {
    const late = await Simulator.start({
      timeScale: 600,
      faults: [{ match: { operation: 'batch_create' }, fault: { kind: 'expire_batch', finished_fraction: 0.4, seconds: 1200 } }],
    });
    try {
      const account = new Account('AKIAEXPIRED', { at: late });
      await account.put('in/job.jsonl', jsonl(records()));
      const job = await account.ended((await account.create('late')).jobArn);
      assert.equal(job.status, 'PartiallyCompleted');
      assert.equal(job.totalRecordCount, count);
      const rows = parsed(await account.read(`${folderOf(job)}job.jsonl.out`));
      assert.equal(rows.length, count);
      const expired = rows.filter((row) => row.error?.expired);
      assert.equal(expired.length, job.errorRecordCount);
      assert.equal(job.successRecordCount, 48);
      assert.equal((await account.bill()).length, job.successRecordCount);
    } finally {
      await late.stop();
    }
  });

  test('lists: newest first, filtered, page by page; each account its own', async () => {
    const account = new Account('AKIALIST');
    await account.put('in/job.jsonl', jsonl(records()));
    const names = ['a-1', 'b-1', 'a-2', 'b-2', 'a-3'];
    const arns = [];
    for (const name of names) arns.push((await account.create(name)).jobArn);
    const namesOf = (jobs) => jobs.map((job) => job.jobName);
    assert.deepEqual(namesOf(await account.list({})), names.toReversed());
    assert.deepEqual(namesOf(await account.list({ sortBy: 'CreationTime', sortOrder: 'Ascending' })), names);
    assert.deepEqual(namesOf(await account.list({ nameContains: 'b-' })), ['b-2', 'b-1']);
    assert.deepEqual(await account.list({ statusEquals: 'Failed' }), []);
    const { submitTime } = await account.get(arns[2]);
    assert.deepEqual(namesOf(await account.list({ submitTimeAfter: new Date(+submitTime + HOUR_MS) })), []);
    assert.deepEqual(namesOf(await account.list({ submitTimeBefore: new Date(+submitTime + HOUR_MS) })), names.toReversed());
    for (const sortOrder of ['Ascending', 'Descending']) {
      const pages = await collect(
        paginateListModelInvocationJobs({ client: account.bedrock, pageSize: 2 }, { sortOrder }),
      );
      assert.deepEqual(pages.map((page) => page.invocationJobSummaries.length), [2, 2, 1]);
      const paged = namesOf(pages.flatMap((page) => page.invocationJobSummaries));
      assert.deepEqual(paged, sortOrder === 'Ascending' ? names : names.toReversed());
    }
    assert.ok((await errorOf(account.list({ maxResults: 0 }))) instanceof ValidationException);
    assert.ok((await errorOf(account.list({ nextToken: 'mine' }))) instanceof ValidationException);
    const stranger = new Account('AKIASTRANGER');
    assert.deepEqual(await stranger.list({}), []);
    for (const call of ['get', 'stop']) {
      const error = await errorOf(stranger[call](arns[0]));
      assert.ok(error instanceof ResourceNotFoundException, `${call}: ${error}`);
      assert.equal(error.$metadata.httpStatusCode, 404);
    }
  });

  test('a wrong secret', async () => {
    const credentials = { accessKeyId: 'AKIAWRONG', secretAccessKey: 'a guess' };
    const error = await errorOf(new Account('AKIAWRONG', { credentials }).create('a'));
    assert.equal(error.name, 'InvalidSignatureException');
    assert.equal(error.$metadata.httpStatusCode, 403);
    assert.deepEqual(await new Account('AKIAWRONG').list({}), []);
  });
});

describe('objects', () => {
  const keys = ['a.jsonl', 'a b/c+d.jsonl', 'a b/é語😀&<>"\'.jsonl', "a b/(!*')~.jsonl", 'deep/er/x', 'deep/y', '../up', 'e//e'];

  test('keys of any letters: put, read, listed, deleted', async () => {
    const account = new Account('AKIAKEYS');
    for (const Key of keys) {
      const put = await account.put(Key, `of ${Key}`, { ContentType: 'text/plain' });
      assert.match(put.ETag, /^"[0-9a-f]{32}"$/);
      const head = await account.s3.send(new HeadObjectCommand({ Bucket, Key }));
      assert.equal(head.ETag, put.ETag);
      assert.equal(head.ContentType, 'text/plain');
      assert.equal(head.ContentLength, Buffer.byteLength(`of ${Key}`));
      assert.ok(head.LastModified instanceof Date);
      assert.equal(await account.read(Key), `of ${Key}`);
    }
    const listed = (await account.s3.send(new ListObjectsV2Command({ Bucket }))).Contents;
    assert.deepEqual(listed.map((object) => object.Key).sort(), keys.toSorted());
    for (const object of listed) {
      const head = await account.s3.send(new HeadObjectCommand({ Bucket, Key: object.Key }));
      assert.equal(object.ETag, head.ETag);
      assert.equal(object.Size, head.ContentLength);
    }
    for (const Key of keys) await account.s3.send(new DeleteObjectCommand({ Bucket, Key }));
    assert.equal((await account.s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount, 0);
  });

  test('lists of a prefix, by folders, page by page', async () => {
    const account = new Account('AKIAFOLDERS');
    for (const Key of ['a/1', 'a/2', 'b/1', 'b/c/1', 'c', 'd']) await account.put(Key, 'x');
    const list = (more) => account.s3.send(new ListObjectsV2Command({ Bucket, ...more }));
    const keysOf = (page) => (page.Contents ?? []).map((object) => object.Key);
    const foldersOf = (page) => (page.CommonPrefixes ?? []).map((folder) => folder.Prefix);
    assert.deepEqual(keysOf(await list({ Prefix: 'b/' })), ['b/1', 'b/c/1']);
    const top = await list({ Delimiter: '/' });
    assert.deepEqual([keysOf(top), foldersOf(top), top.KeyCount], [['c', 'd'], ['a/', 'b/'], 4]);
    assert.deepEqual(keysOf(await list({ StartAfter: 'b/c' })), ['b/c/1', 'c', 'd']);
    for (const [more, names] of [
      [{}, ['a/1', 'a/2', 'b/1', 'b/c/1', 'c', 'd']],
      [{ Delimiter: '/' }, ['a/', 'b/', 'c', 'd']],
      [{ EncodingType: 'url' }, ['a%2F1', 'a%2F2', 'b%2F1', 'b%2Fc%2F1', 'c', 'd']],
    ]) {
      const pages = await collect(
        paginateListObjectsV2({ client: account.s3, pageSize: 2 }, { Bucket, ...more }),
      );
      assert.equal(pages.length, names.length / 2);
      assert.deepEqual(pages.flatMap((page) => [...foldersOf(page), ...keysOf(page)]), names);
    }
  });

  test('a stream comes in chunks with its checksum at the end', async () => {
    const account = new Account('AKIACHUNKS');
    const parts = Array.from({ length: 50 }, (_, i) => Buffer.alloc(5000, i));
    const whole = Buffer.concat(parts);
    const put = await account.put('chunks', Readable.from(parts), { ContentLength: whole.length });
    assert.equal(put.ChecksumType, 'FULL_OBJECT');
    const got = await account.s3.send(new GetObjectCommand({ Bucket, Key: 'chunks' }));
    assert.equal(got.ChecksumCRC32, put.ChecksumCRC32);
    assert.deepEqual(Buffer.from(await got.Body.transformToByteArray()), whole); // the SDK compares the checksum, too
  });

  test('a checksum that is another is refused', async () => {
    const account = new Account('AKIADIGEST');
    const error = await errorOf(account.put('a', 'hello', { ChecksumCRC32: 'AAAAAA==' }));
    assert.equal(error.name, 'BadDigest');
    assert.equal(error.$metadata.httpStatusCode, 400);
    const sha = await account.put('a', 'hello', { ChecksumAlgorithm: 'SHA256' });
    assert.equal(sha.$metadata.httpStatusCode, 200);
  });

  test('errors', async () => {
    const account = new Account('AKIAOBJECTS');
    const none = { Bucket, Key: 'none' };
    assert.ok((await errorOf(account.s3.send(new GetObjectCommand(none)))) instanceof NoSuchKey);
    assert.ok((await errorOf(account.s3.send(new HeadObjectCommand(none)))) instanceof NotFound);
    assert.equal((await account.s3.send(new DeleteObjectCommand(none))).$metadata.httpStatusCode, 204);
    for (const [credentials, name] of [
      [{ accessKeyId: 'AKIAOBJECTS', secretAccessKey: 'a guess' }, 'SignatureDoesNotMatch'],
      [{ accessKeyId: 'invalid-key', secretAccessKey: 'secret-of-invalid-key' }, 'InvalidAccessKeyId'],
    ]) {
      const error = await errorOf(new Account('', { credentials }).put('a', 'x'));
      assert.ok(error instanceof S3ServiceException);
      assert.equal(error.name, name);
      assert.equal(error.$metadata.httpStatusCode, 403);
    }
    assert.ok((await errorOf(account.read('a'))) instanceof NoSuchKey);
  });
});
