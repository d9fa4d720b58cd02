// A job as a user has it: a static part that defines the classes, and documents that vary.
const sections = {
  editors: 'programs to write and edit text or source code, such as an editor',
  games: 'programs to play with: chess, puzzle, arcade, cards',
  graphics: 'programs to view, draw and convert images, pictures and photos',
  mail: 'programs to read, filter, send and deliver electronic mail',
  sound: 'programs to play, record and convert audio and music',
};

const rules = Array.from(
  { length: 60 },
  (_, i) =>
    `${i + 1}. When rule ${i + 1} applies, weigh the purpose of the program more than the tools it is built with.`,
);

/** Well over 1,024 tokens, the least that both providers cache for the models of these tests. */
export const instructions = [
  'You sort descriptions of programs into sections.',
  '',
  '## Sections',
  '',
  ...Object.entries(sections).map(([name, text]) => `- **${name}**: ${text}`),
  '',
  '## Rules',
  '',
  ...rules,
].join('\n');

/** Documents and the section that each belongs to. */
export const documents = [
  { section: 'games', text: 'gnuchess\nPlays a game of chess against you\nA strong opponent for chess players.' },
  { section: 'editors', text: 'nano\nSmall text editor\nAn editor to write and edit text in a terminal.' },
  { section: 'mail', text: 'procmail\nFilter for electronic mail\nDeliver and filter mail as it arrives.' },
  { section: 'sound', text: 'sox\nRecord and convert audio\nConvert music and audio files between formats.' },
  { section: 'graphics', text: 'feh\nImage viewer\nView images and photos, draw thumbnails of pictures.' },
];

export const answerSchema = {
  type: 'object',
  properties: {
    section: { type: 'string', enum: Object.keys(sections) },
    summary: { type: 'string' },
    confidence: { type: 'number' },
  },
  required: ['section', 'summary', 'confidence'],
  additionalProperties: false,
};
