//! Every provider has a handbook, and what is typed for a deed is sound.
