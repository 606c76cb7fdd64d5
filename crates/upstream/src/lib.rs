//! endpoints, discovery, balancing, connection pools, one attempt
