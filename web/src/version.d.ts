/** The version of kinolog, which the build puts in. */
declare const __VERSION__: string;
