//! The whole napi surface: thin classes over `nydus-core`.
