// The types of carlens.js, and their documentation.

/** The version of this client. */
export const VERSION: string;

// Errors

/** The codes of a request that failed as a whole; newer servers may add some. */
export type ErrorCode =
  | "bad_request"
  | "malformed_body"
  | "invalid_parameter"
  | "no_pictures"
  | "no_rows"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "payload_too_large"
  | "too_many_pictures"
  | "too_many_rows"
  | "unsupported_media_type"
  | "throttled"
  | "quota_exceeded"
  | "internal_error"
  | "models_unavailable"
  | "table_unavailable"
  | "unavailable"
  | "timeout";

/** The codes of a picture that failed; newer servers may add some. */
export type PictureErrorCode =
  | "not_an_image"
  | "unsupported_image"
  | "picture_too_large"
  | "invalid_base64"
  | "url_refused"
  | "url_failed"
  | "key_refused"
  | "key_not_found"
  | "deadline_exceeded"
  | "answer_too_large";

/** The codes of a row of makes and models that failed; newer servers may add some. */
export type RowErrorCode = "invalid_row";

/** A code that this version does not know. The type keeps the known ones in completions. */
export type NewerCode = string & {};

/** The base class of all errors of this module. */
export class CarlensError extends Error {
  constructor(message: string, options?: ErrorOptions);
}

/** The server could not be reached, or the connection broke; `cause` is the error of fetch. */
export class ConnectionFailed extends CarlensError {}

/** The answer is not one of Carlens; check the address of the API. */
export class UnexpectedAnswer extends CarlensError {}

/** A picture failed; see `throwForError`. */
export class PictureFailed extends CarlensError {
  constructor(error: ItemError, picture: string | null);
  code: ItemError["code"];
  /** The name of the picture. */
  picture: string | null;
}

/** The server refused a request, for a reason that concerns all pictures. */
export class ApiError extends CarlensError {
  constructor(status: number, details: { code?: string; message: string; request_id?: string });
  status: number;
  /** Empty if the answer has none. */
  code: ErrorCode | NewerCode;
  /** Quote it when you report a problem; empty if the answer has none. */
  requestId: string;
}

/**
 * Throw the error of a picture, if it has one.
 *
 * @throws {PictureFailed} The picture failed.
 */
export function throwForError(entry: Entry): void;

// Answers, as the API sends them

/** Why a picture or a row failed. */
export interface ItemError {
  /**
   * Also the code of the request if the picture's own request failed, and `upload_failed` if the
   * store of uploads refused it.
   */
  code: PictureErrorCode | RowErrorCode | ErrorCode | "upload_failed" | NewerCode;
  /** For people to read; what is wrong and how to fix it. */
  message: string;
}

/** An object, with its bounding box in pixels from the top left corner of the upright picture. */
export interface FoundObject {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
  class_name: string;
  /** The confidence of the detector, 0..1. */
  confidence: number;
  /**
   * The class and the confidence, such as `car: 0.95`. From `/predict` it has the first name and its
   * probability instead, certain or not; show `display` to people.
   */
  label: string;
}

/** The most probable make or model of a vehicle, with its probability, 0..1. */
export interface Level {
  name: string;
  prob: number;
  certain: boolean;
}

/** A make and a model. */
export interface Name {
  make: string;
  model: string;
}

/** A vehicle with its names. */
export interface Vehicle extends FoundObject {
  /** What to show a person: the finest name that is certain, or the class. */
  display: string;
  /** Whether the model or the full name is certain. */
  certain: boolean;
  /** The most probable full names, best first, certain or not. */
  pred: string[];
  /** The probability of each name in `pred`, 0..1. */
  prob: number[];
  make: Level | null;
  model: Level | null;
  /** The entry of the catalog table `europe` for the first name. */
  reference: Name | null;
}

/** The answer for one picture. */
export interface Entry {
  /** The place of the picture among those that were passed, from 0. */
  index: number;
  /** How it was sent, such as `image` or `url`. */
  field: string;
  /** Its file name, or its URL without the query. */
  name: string | null;
  /** The size in pixels of the upright picture; null if the picture failed. */
  width: number | null;
  height: number | null;
  /** Why it failed; null if it did not. */
  error: ItemError | null;
}

/** The vehicles of a picture, by confidence; empty if it failed. */
export interface Prediction extends Entry {
  objects: Vehicle[];
  /** How often the detector ran for the picture; null if it failed. */
  passes?: number | null;
}

/** The objects of a picture, by confidence; empty if it failed. */
export interface ObjectDetection extends Entry {
  objects: FoundObject[];
  /** How often the detector ran for the picture; null if it failed. */
  passes?: number | null;
}

/** A rectangle of a picture that is redacted, in pixels, margin included. */
export interface Region {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
  /** `plate`, `face` or `person`. */
  kind: string;
  /** The confidence of the model, 0..1. */
  confidence: number;
}

/** A redacted picture. */
export interface Redaction extends Entry {
  /** Null if the picture failed, which is not the same as nothing found. */
  regions: Region[] | null;
  /** That of the redacted picture, such as `image/jpeg`. */
  media_type: string | null;
  /** The redacted picture in base64; null if it failed, or if the response had no room for it. */
  picture: string | null;
  /** Where it can be fetched for 15 minutes, if the response had no room for it. */
  picture_url: string | null;
}

/** The channels and the bytes of a picture; null if they could not be read. */
export interface Measurement extends Entry {
  channels: number | null;
  bytes: number | null;
}

/** Another entry of a catalog table, with its score, 0..100, and why it is one. */
export interface Alternative extends Name {
  score: number;
  reason?: string;
}

/** The entry of a catalog table for a written make and model; empty if there is no match. */
export interface Match extends Name {
  /** The similarity to what was written, 0..100. */
  score_make: number;
  score_model: number;
  score: number;
  /** What else the text names, such as a `motorcycle` or `truck`; empty if nothing is known. */
  kind?: string;
  /** Other entries, best first; only if `top_k` is above 1. */
  alternatives?: Alternative[];
  /** Why the row failed; absent if it did not. */
  error?: ItemError;
}

/** What the server accepts. */
export interface Limits {
  picture_bytes: number;
  picture_pixels: number;
  /** The most pictures in a request. */
  pictures: number;
  /** The largest body of a request. */
  request_bytes: number;
}

/** What the server can do. */
export interface Features {
  uploads: boolean;
  urls: boolean;
  anonymize: boolean;
  batch: boolean;
}

/** Whether the server can answer, and its limits; the usual ones if it does not tell. */
export interface Health {
  status: string;
  version: string;
  models: ModelNames;
  limits: Limits;
  features: Features;
}

/** The names of the models in use. */
export interface ModelNames {
  detector: string;
  classifier: string | null;
}

/** The settings of a model; a classifier has only `confidence`, `make` and `model`. */
export interface Thresholds {
  confidence: number;
  make?: number;
  model?: number;
  iou?: number;
  merge_iou?: number;
  min_area?: number;
  slices?: number | "auto";
}

/** The size in pixels to which pictures are scaled for a model. */
export interface InputSize {
  width: number;
  height: number;
}

/** A make that a classifier was taught, and its models without the make. */
export interface Make {
  name: string;
  models: string[];
}

/** The description of a model. */
export interface Model {
  name: string;
  version: string;
  task: string;
  license: string;
  source: string;
  trained_on: string;
  /** What the model cannot recognize. */
  limits: string;
  classes: string[];
  thresholds: Thresholds;
  input: InputSize;
  /** Only of a classifier. */
  makes?: Make[];
}

/** The classes that `/predict` accepts, and those that it finds by default. */
export interface PredictClasses {
  classes: string[];
  default_classes: string[];
}

/** The models in use; no classifier in a deployment that only detects. */
export interface Models {
  detector: Model;
  classifier: Model | null;
  /** Null if `/predict` is not available; absent if the server does not tell. */
  predict?: PredictClasses | null;
  /** What `/anonymize` uses; null if the server does not redact, absent if it does not tell. */
  plates?: Model | null;
  faces?: Model | null;
}

// Requests

/** An http or https URL, which the server fetches, or the picture itself; a `File` has a name. */
export type Picture = string | URL | Blob | ArrayBuffer | ArrayBufferView<ArrayBuffer>;

export type Pictures = Picture | Iterable<Picture> | AsyncIterable<Picture>;

/** Pairs of a make and a model, as written. */
export type Rows = Iterable<readonly [make: string, model: string]>;

export interface CallOptions {
  /** Cancels the call. */
  signal?: AbortSignal;
}

/** The parameters of `/object_detection`. */
export type DetectionOptions = CallOptions & {
  /** Leave out objects with a lower confidence, 0..1. */
  confidence?: number | null;
  /** Keep only these classes. */
  classes?: readonly string[] | null;
  /** The most objects of each picture, 1..300. */
  max_objects?: number | null;
  /** How closely to look for small objects, 1..3; "auto" where it pays. */
  slices?: number | "auto" | null;
};

/** The parameters of `/predict`. */
export type PredictionOptions = DetectionOptions & {
  /** How many names to return for each vehicle, 1..20. */
  top_k?: number | null;
};

/** The parameters of `/anonymize`. */
export type RedactionOptions = CallOptions & {
  /** What to redact: `plates`, `faces`, `people`; by default plates and faces. */
  redact?: readonly string[] | null;
  /** Only `fill`, the default, removes everything. */
  style?: "fill" | "pixelate" | "blur" | null;
  /** How far regions grow on each side, as a share of their width and height, 0..1. */
  margin?: number | null;
  /** Leave out regions with a lower confidence, 0..1. */
  confidence?: number | null;
  /** The format of the redacted pictures; by default `jpeg`. */
  output?: "jpeg" | "png" | "webp" | "same" | null;
};

export interface NormOptions {
  /** A catalog table; by default `europe`. */
  table?: string;
  /** How many entries of the table to return, 1..20: the match and its alternatives. */
  top_k?: number;
}

export interface NormCsvOptions extends NormOptions {
  /**
   * Whether to add columns for what each row was matched by, the scores of make and model, and the
   * kind.
   */
  detailed?: boolean;
}

export interface Settings {
  /** The API key, which only the API gets. */
  apiKey?: string;
  /**
   * Adds a token or a signature to each request to the API, and only to it. Requests that are sent
   * again are authorized again.
   */
  authorize?: (request: Request) => Request | Promise<Request>;
  /** The longest time for a try in seconds; by default 120. */
  timeout?: number;
  /**
   * How often a request is sent again after a 429, 503 or 504, and after a connection error; by
   * default 4 times. A used up quota (`quota_exceeded`) is not tried again.
   */
  retries?: number;
  /** The longest pause before that in seconds, whatever `Retry-After` says; by default 30. */
  maxWait?: number;
  /** Requests with pictures that run at the same time; by default 4. */
  concurrency?: number;
  /** The most pictures in a request; by default as many as the server takes. */
  picturesPerRequest?: number;
  /** Replaces `fetch`, for tests. */
  fetch?: typeof fetch;
}

/**
 * Calls Carlens.
 *
 * Pictures are split into as many requests as the server needs, and the answers have the order of
 * the pictures. A picture that fails does not affect the others; its answer has an `error`.
 * All methods that send requests may throw `ApiError` and `ConnectionFailed`.
 */
export class Carlens {
  /** @param url The address of the API, with the stage if there is one. */
  constructor(url: string, settings?: Settings);

  /** Return the state, the limits and the features of the server, even if it is unavailable. */
  health(): Promise<Health>;

  /** Return the descriptions of the models. */
  models(): Promise<Models>;

  /** Return the OpenAPI document of the server. */
  contract(): Promise<Record<string, unknown>>;

  /** Find the vehicles in pictures, and name their make and model. */
  predict(pictures: Pictures, options?: PredictionOptions): Promise<Prediction[]>;

  /** Like `predict`, but return the answers one by one, as soon as they are known. */
  iterPredict(
    pictures: Pictures,
    options?: PredictionOptions,
  ): AsyncGenerator<Prediction, void, undefined>;

  /** Find the objects in pictures. */
  objectDetection(pictures: Pictures, options?: DetectionOptions): Promise<ObjectDetection[]>;

  /** Like `objectDetection`, but return the answers one by one, as soon as they are known. */
  iterObjectDetection(
    pictures: Pictures,
    options?: DetectionOptions,
  ): AsyncGenerator<ObjectDetection, void, undefined>;

  /** Redact plates, faces and people in pictures. Check `error` of each. */
  anonymize(pictures: Pictures, options?: RedactionOptions): Promise<Redaction[]>;

  /** Like `anonymize`, but return the answers one by one, as soon as they are known. */
  iterAnonymize(
    pictures: Pictures,
    options?: RedactionOptions,
  ): AsyncGenerator<Redaction, void, undefined>;

  /** Measure the width, height and channels of pictures. */
  shape(pictures: Pictures, options?: CallOptions): Promise<Measurement[]>;

  /** Measure the bytes of pictures. */
  size(pictures: Pictures, options?: CallOptions): Promise<Measurement[]>;

  /** Return the names of the catalog tables. */
  tables(): Promise<string[]>;

  /** Match a written make and model; one of the two may be empty. */
  norm(make: string, model?: string, options?: NormOptions): Promise<Match>;

  /** Match any number of written makes and models. */
  normRows(rows: Rows, options?: NormOptions): Promise<Match[]>;

  /** Match a CSV file of up to 10,000 rows, and return it with columns added. */
  normCsv(
    file: string | Blob | ArrayBuffer | ArrayBufferView<ArrayBuffer>,
    options?: NormCsvOptions,
  ): Promise<string>;

  /** Clean a written make and model without matching them; one of the two may be empty. */
  clean(make: string, model?: string): Promise<Name>;
}
