/** A name of the DOM library that the types of structured-headers use and Node does not declare. */
type BufferSource = ArrayBuffer | ArrayBufferView;
