//! The function behind `/api/cars/availability`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("cars/availability")
}
