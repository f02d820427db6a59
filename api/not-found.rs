//! The function behind every path that is no route.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("not-found")
}
