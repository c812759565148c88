// The types that several modules share. Not served.

import type { MESSAGES } from "./language-fr.js";

/** An English text of the page, which every other language translates. */
export type Message = keyof typeof MESSAGES;

/** The texts of a language other than English. */
export interface Catalog {
  MESSAGES: Record<Message, string>;
  /** What the page says about an error, by its code; the server's message is in English. */
  ERROR_MESSAGES: Record<string, string>;
  /** The limits of the models that come with Carlens, by model. */
  MODEL_LIMITS: Record<string, string>;
  /** The detector's classes by their English names. */
  CLASS_NAMES: Record<string, string>;
  BYTE_UNITS: string[];
}

// Elements

/** The elements of index.html that are more than an HTMLElement, by id. */
interface Elements {
  camera: HTMLInputElement;
  files: HTMLInputElement;
  key: HTMLInputElement;
  "key-panel": HTMLDetailsElement;
  "known-search": HTMLInputElement;
  known: HTMLDetailsElement;
  make: HTMLInputElement;
  model: HTMLInputElement;
  progress: HTMLProgressElement;
  rows: HTMLInputElement;
  table: HTMLSelectElement;
  language: HTMLSelectElement;
  export: HTMLDetailsElement;
  scope: HTMLSelectElement;
  sort: HTMLSelectElement;
  "row-order": HTMLSelectElement;
  threshold: HTMLInputElement;
  urls: HTMLTextAreaElement;
}

export type ElementById<Id extends string> = Id extends keyof Elements ? Elements[Id] : HTMLElement;

type ElementByName<Name extends string> = Name extends keyof HTMLElementTagNameMap
  ? HTMLElementTagNameMap[Name]
  : HTMLElement;

/** The element that a tag such as `p.hint` creates. */
export type ElementOf<Tag extends string> = Tag extends `${infer Name}.${string}`
  ? ElementByName<Name>
  : ElementByName<Tag>;

// Requests and answers of the API

export type DetectionMode = "predict" | "object_detection";

export type Mode = DetectionMode | "anonymize";

/** What photos are sent for. */
export interface Task {
  mode: Mode;
  /** What to redact and how, as parameters; empty in other modes. */
  query: string;
}

/** What a request may contain. */
export interface Limits {
  picture_bytes: number;
  picture_pixels: number;
  pictures: number;
  request_bytes: number;
}

/** The answer of `/health`. */
export interface Health {
  limits?: Partial<Limits>;
  features?: { anonymize?: boolean; uploads?: boolean; urls?: boolean };
}

/** What Carlens found in a photo. */
export interface Finding {
  /** With boxes in pixels of the original. */
  result: Result;
  scaled: Scaled | null;
  sentBytes: number;
  /** Whether vehicles can have names. */
  named: boolean;
  /** The query of its task; none if an earlier version of the page kept it. */
  query?: string;
  /** None for other modes, and for failures. */
  redacted?: Redacted;
}

/** A photo without what was found in it. */
export interface Redacted {
  picture: Blob;
  regions: Region[];
}

export interface Photo {
  id: number;
  name: string;
  /** None for a photo that is named by its URL. */
  file?: File;
  /** Where an `img` finds it: an object URL for a file, the URL itself otherwise. */
  source: string;
  /** None while it waits. */
  findings: Partial<Record<Mode, Finding>>;
}

/** How a photo was scaled down: width and height in pixels. */
export interface Scaled {
  from: [number, number];
  to: [number, number];
}

/** What is sent for a photo. */
export interface Part {
  photo: Photo;
  /** None for a URL. */
  blob?: Blob;
  pixels: number;
  scaled: Scaled | null;
}

export interface SentRequest {
  mode: Mode;
  path: string;
  photos: Photo[];
  headers: Record<string, string>;
  parts?: Part[];
  /** The code for photos that were uploaded before the request. */
  uploading?: typeof import("./upload_snippets.js");
}

/** A tab of the code. */
export type Tab = "curl" | "python" | "javascript" | "node";

/** A form that takes one upload. */
export interface UploadForm {
  url: string;
  fields: Record<string, string>;
  key: string;
}

/** One of the levels that a vehicle is named at. */
export interface Level {
  name: string;
  prob: number;
  certain: boolean;
}

export interface Detection {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
  class_name: string;
  confidence: number;
  display?: string;
  certain?: boolean;
  pred?: string[];
  prob?: number[];
  make?: Level | null;
  model?: Level | null;
  reference?: { make: string; model: string } | null;
  /** What the user says; never sent, but kept with the session and exported. */
  correction?: Correction;
}

/** What the user says about an object. */
export interface Correction {
  verdict: "confirmed" | "corrected" | "not_a_vehicle";
  /** Empty, as the model is, if it is not a vehicle. */
  make: string;
  /** Without its make. */
  model: string;
}

export type RegionKind = "plate" | "face" | "person";

export interface Region {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
  kind: RegionKind;
  confidence: number;
}

/** The answer of `/anonymize` for one photo; null stands for what a failed photo lacks. */
export interface RedactedImage {
  width: number | null;
  height: number | null;
  regions: Region[] | null;
  media_type: string | null;
  /** Base64. */
  picture: string | null;
  /** Where to fetch a picture that has no room in the answer. */
  picture_url: string | null;
  error: ErrorInfo | null;
}

export interface ErrorInfo {
  code: string;
  /** A text of the page with its values, or one from the server. */
  message: string;
  values?: Record<string, string | number>;
}

export interface ApiErrorDetails {
  status?: number;
  code?: string;
  requestId?: string;
  values?: Record<string, string | number>;
  retryAfter?: number | null;
}

/** The answer for one photo. */
export interface Result {
  width: number | null;
  height: number | null;
  objects: Detection[];
  error: ErrorInfo | null;
}

export interface Model {
  name?: string;
  version?: string;
  limits?: string | string[];
  classes?: string[];
}

export interface Classifier extends Model {
  makes?: { name: string; models: string[] }[];
}

export interface Models {
  detector?: Model;
  classifier?: Classifier | null;
  predict?: { classes: string[] } | null;
}

export interface Answer {
  images: (Result | undefined)[];
  models?: Models;
  timing_ms?: Record<string, number>;
}

export interface NameMatch {
  make: string;
  model: string;
  score_make: number;
  score_model: number;
  score: number;
  /** What the text names that the table lacks: `motorcycle`, `truck`, …; empty if nothing. */
  kind: string;
  alternatives: { make: string; model: string; score: number; reason: string }[];
}

/** A make and model; one of the two may be empty. */
export interface WrittenName {
  make: string;
  model: string;
}

/**
 * How sure a match is: `partial` has the make but not the model that was written, `none` has no
 * match, and `blank` had nothing to match.
 */
export type Judgment = "sure" | "doubtful" | "partial" | "none" | "blank";

/** A row of a file of names. */
export interface AnsweredRow {
  /** From 0, in the order sent. */
  index: number;
  /** As sent, with formulas escaped. */
  cells: string[];
  /** What was matched. */
  written: WrittenName;
  answer: Pick<NameMatch, "make" | "model" | "kind" | "score" | "score_make">;
  judgment: Judgment;
  /** What a person decided. */
  decision: WrittenName | null;
}

// Results on the page

export type PhotoState = "all" | "vehicles" | "named" | "uncertain" | "corrected" | "failed";

export type SortOrder = "sent" | "name" | "confidence" | "count";

export interface Naming {
  /**
   * Whether the title is as much as can be known, the kind of a vehicle that may have a name, a name
   * from the user, or says that the user sees no vehicle.
   */
  how: "sure" | "kind" | "own" | "dismissed";
  title: string;
  subtitle: string;
  /** A name that is not certain, marked as a guess; empty if there is none. */
  guess: string;
}

/** Where a tag is, in pixels of the screen. */
export interface Spot {
  x: number;
  y: number;
  width: number;
  height: number;
  /** Whether it is inside the photo. */
  inside: boolean;
}

/** The width of a tag with the name and with the number only, and its height. */
export interface TagSize {
  full: number;
  short: number;
  height: number;
}

/** Listeners of what can be pointed at. */
export interface Pointing {
  onpointermove: (event: PointerEvent) => void;
  onpointerleave: (event: PointerEvent) => void;
  onfocus: () => void;
  onblur: () => void;
}

/** One object of a photo: its box, its tag and its row. */
export interface Item {
  object: Detection;
  name: Naming;
  number: number;
  /** The box, in percent of the photo. */
  area: Record<string, string>;
  shape: SVGElement;
  hit: HTMLButtonElement;
  tag: HTMLElement;
  crop: HTMLCanvasElement;
  /** A `details` that can be open, or a button. */
  row: HTMLElement & { open?: boolean };
  shown: boolean;
  show: (shown: boolean) => void;
  size: TagSize;
  spot?: Spot;
  /** The spot with room for the whole name. */
  wide?: Spot;
}

/** What an annotated picture shows. */
export interface Drawable {
  photo: Photo;
  result: Result;
  items: { object: Detection; name: Naming; number: number; shown?: boolean }[];
}

/** Called with what the user says about an object; with nothing, the correction is taken back. */
export type OnCorrect = (object: Detection, correction?: Correction) => void;

/** One photo of the results. */
export interface Card extends Drawable {
  element: HTMLElement;
  image: HTMLImageElement;
  mode: DetectionMode;
  failed: boolean;
  items: Item[];
  /** Show the objects that pass, and give their number. */
  filter: (passes: (object: Detection) => boolean) => number;
  /** Show the corrections of the same objects. */
  revise: (result: Result) => void;
  close: () => void;
}

/** What the tiles of a grid show. */
export interface Tiles {
  /** The line below a thumbnail, and what it stands for. */
  summarize: (photo: Photo) => [string, "broken" | "empty" | "own" | "sure" | "plain"];
  /** What else makes a tile look different, as JSON. */
  lookOf: (photo: Photo) => unknown;
  /** Rejects if there is nothing that this browser can show. */
  thumbnailOf: (photo: Photo) => Promise<string>;
  /** What lies on a thumbnail. */
  marksOf: (photo: Photo) => Element[];
}

/** One photo in the viewer. */
export interface ViewerCard {
  element: HTMLElement;
  filter?: Card["filter"];
  revise?: Card["revise"];
  close: () => void;
  /** Called when the photo was zoomed or moved. */
  onzoom?: () => void;
}

// The contract: the parts of OpenAPI 3.0 that it uses

export interface Schema {
  $ref?: string;
  allOf?: Schema[];
  default?: unknown;
  description?: string;
  enum?: string[];
  format?: string;
  items?: Schema;
  maximum?: number;
  minimum?: number;
  nullable?: boolean;
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  type?: string;
}

export interface Parameter {
  name: string;
  in: string;
  description?: string;
  schema: Schema;
  example?: unknown;
  required?: boolean;
}

export interface MediaType {
  schema?: Schema;
  example?: unknown;
  examples?: Record<string, { summary?: string; value?: unknown }>;
}

export interface RequestBody {
  description?: string;
  content: Record<string, MediaType>;
}

export interface Answered {
  description: string;
  content?: Record<string, MediaType>;
}

export interface Operation {
  path: string;
  method: string;
  operationId: string;
  summary: string;
  description?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: RequestBody;
  responses: Record<string, Answered>;
}

export interface Contract {
  info: { description: string; version: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { parameters: Record<string, Parameter> };
}
