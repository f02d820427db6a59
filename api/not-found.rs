//! The function behind every path that is no route. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("not-found")
}
