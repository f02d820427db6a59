//! The function behind `/api/cars/availability`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("cars/availability")
}
