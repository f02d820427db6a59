//! All routes, with paths that can be requested.

use exodrive::routes::TABLE;

/// Path and allowed methods of each route.
pub(crate) fn all_routes() -> Vec<(String, &'static str)> {
    TABLE
        .iter()
        .map(|route| {
            let id = match route.path {
                path if path.starts_with("/api/admin/webhooks/") => "WH-1",
                _ => "00000000-0000-4000-8000-000000000000",
            };
            let path = route.path.replace("{car}", "123").replace("{id}", id);
            (path, route.methods)
        })
        .collect()
}
