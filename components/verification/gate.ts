/** What the registry was seen to hold: what the verification program prints, and the gate reads. */
export interface Report {
  /** `repository@sha256:…` of the index, or of the plain image where the reference names one. */
  readonly reference: string;
  readonly mediaType: string;
  readonly images: readonly VerifiedImage[];
  /** Bytes of layers that were read for it; absent where none were to be. */
  readonly downloaded?: number;
  /** What isn't sure to fail, and yet worth a look. */
  readonly warnings?: readonly string[];
}

/** One platform's image, as the registry holds it. */
export interface VerifiedImage {
  readonly platform: string;
  readonly digest: string;
  /** Compressed bytes: layers and configuration. */
  readonly size: number;
  /** The paths of the volumes that it declares; absent if there are none. */
  readonly volumes?: readonly string[];
  /** What the container starts; absent where that wasn't looked at or couldn't be told. */
  readonly code?: Code;
}

/** A program in an image. */
export interface Code {
  /** Its path, all links followed: of the interpreter, where a script is started. */
  readonly file: string;
  /** What its code is for, in OCI's words: `arm64`. */
  readonly architecture: string;
}
