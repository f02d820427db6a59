//! The function behind `/api/cars`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("cars")
}
