"""Nasty files: each is written into a folder by a function that returns its path.

``FILES`` maps a name to such a function and to what the commands say of the file, where
one thing is right: ``fit`` a word of its refusal, or None where it has to be read.
"""

import gzip
import io
import os
import zipfile

import numpy as np
import pandas as pd

WORD = "hunter2"
NUMBER = 73194682
ROW = f"x,1.5\n{WORD},{NUMBER}\n"
PLAIN = f"a,b\n{ROW * 30}"

ANY = object()  # read or refused, whichever: both are right
FILES = {}


def nasty(told=ANY):
    def keep(make):
        FILES[make.__name__.removeprefix("_").replace("_", " ")] = (make, told)
        return make

    return keep


def add(name, text, told=ANY, file="t.csv"):
    """A file of these bytes, or of this text in UTF-8."""
    data = text if isinstance(text, bytes) else text.encode()

    def make(folder):
        (folder / file).write_bytes(data)
        return folder / file

    FILES[name] = (make, told)


# --- encodings ---------------------------------------------------------------------

add("plain", PLAIN, None)
add("byte order mark", b"\xef\xbb\xbf" + PLAIN.encode(), None)
add("UTF-16", PLAIN.encode("utf-16"), "cannot be read")
add("UTF-16 without a mark", PLAIN.encode("utf-16-le"))
add("UTF-32", PLAIN.encode("utf-32"), "cannot be read")
add("Latin-1", f"a,b\ncafé{WORD},1\n".encode("latin-1"), "cannot be read")
add("Windows-1252 header", f"naïve,b\n{WORD},1\n".encode("cp1252"), "cannot be read")
add("Shift JIS", f"a,b\n日本{WORD},1\n".encode("shift_jis"), "cannot be read")
add("UTF-7 looking", f"a,b\n+AGE-,1\n{WORD},2\n", None)
add("bad byte in the last row", PLAIN.encode() + b"\xff,1\n", "cannot be read")
add("two byte order marks", b"\xef\xbb\xbf\xef\xbb\xbf" + PLAIN.encode())
add("overlong UTF-8", b"a,b\n\xc0\xaf,1\n", "cannot be read")
add("half a character in UTF-8", b"a,b\n\xed\xa0\x80,1\n", "cannot be read")
add("null bytes", f"a,b\n{WORD}\0,1\n\0,2\n")
add("only null bytes", b"\0" * 5000)
add("null byte in the header", f"a\0,b\n{WORD},1\n")
add("random bytes", np.random.default_rng(0).bytes(5000), "cannot be read")

# --- lines and fields --------------------------------------------------------------

add("empty", b"", "no header")
add("only newlines", "\n\n\n", "no header")
add("only a comma", ",\n", "no name")
add("only blanks", "   \n", "no name")
add("header only", "a,b\n", None)
add("header without a newline", "a,b", None)
add("one row", f"a,b\n{WORD},{NUMBER}\n", None)
add("one row without a newline", f"a,b\n{WORD},{NUMBER}", None)
add("one column", f"b\n{NUMBER}\n", None)
add("blank lines among rows", f"a,b\n\n{WORD},1\n\n\nx,2\n", None)
add("Windows newlines", PLAIN.replace("\n", "\r\n"), None)
add("old Mac newlines", PLAIN.replace("\n", "\r"))
add("mixed newlines", f"a,b\r\n{WORD},1\nx,2\r\n", None)
add("rows too long", f"a,b\n{WORD},1,{NUMBER}\n", "do not fit its header")
add("one row too long", f"{PLAIN}x,1,{WORD}\n", "do not fit its header")
add("rows too short", f"a,b\n{WORD}\nx\n", None)
add("trailing commas", f"a,b\n{WORD},1,\nx,2,\n")
add("a comma behind the header", f"a,b,\n{WORD},1,\n", "no name")
add("open quote", f'a,b\n"{WORD},1\nx,2\n', "do not fit its header")
add("quotes inside", f'a,b\n"{WORD} ""q""",1\n"x,y",2\n', None)
add("quote in the middle", f'a,b\n{WORD}"x",1\n', None)
add("newlines inside quotes", f'a,b\n"{WORD}\n2",1\n"\r\n",2\n', None)
add("newline inside the header", f'"a\n1",b\n{WORD},1\n', None)
add("semicolons", f"a;b\n{WORD};1\n", "separated by commas")
add("tabs", f"a\tb\n{WORD}\t1\n", "separated by commas")
add("bars", f"a|b\n{WORD}|1\n", "separated by commas")
add("comments", f"# made by x\na,b\n{WORD},1\n")
add("decimal commas", f'a,b\n{WORD},"1,5"\n', None)
add("markdown", f"| a | b |\n|---|---|\n| {WORD} | 1 |\n")

# --- names -------------------------------------------------------------------------

add("name twice", f"a,a\n{WORD},1\n", "stands twice")
add("empty name", f"a,,b\n{WORD},1,2\n", "no name")
add("blank name", f"a, ,b\n{WORD},1,2\n", "no name")
add("unnamed index", f",a,b\n0,{WORD},1\n", "no name")
add("names that differ in blanks", f"a,a \n{WORD},1\n", None)
add("names that differ in accents", f"e\u0301,é\n{WORD},1\n", None)
add("no header but a row", f"{WORD},{NUMBER},3.5\n", "looks like a row")
add("names of internals", f"row,other,__class__,0/lows\n{WORD},1,x,2\n", None)
add("name of a megabyte", f"{'a' * 1_000_000},b\n{WORD},1\n", "cannot be read")
add(
    "name of two thousand characters", f"{'a' * 2000},b\n{WORD},1\n", "name is too long"
)
add(
    "four thousand and one columns",
    f"{','.join(f'c{j}' for j in range(4001))}\n",
    "too many columns",
)
add("markup for a name", f"[red]a[/red],b\n{WORD},1\n", None)
add("escape codes for a name", f"a\x1b[2J,b\n{WORD},1\n", None)

# --- values ------------------------------------------------------------------------

add("all missing", "a,b\n" + ",\n" * 30, None)
add("one column missing", "a,b\n" + f"{WORD},\n" * 30, None)
add("words for missing", f"a,b\nNA,nan\nNULL,None\n?,-\n{WORD},1\n", None)
add("leading zeros", f"a,b\n007,0{NUMBER}\n{WORD},00\n", None)
add("huge integers", f"a,b\n{WORD},{2**64 + NUMBER}\nx,-{10**30}\n", None)
add("number of ten thousand digits", f"a,b\n{WORD},{'9' * 10_000}\nx,5\n", None)
add("huge exponents", f"a,b\n{WORD},1e999\nx,-1e999\ny,1e-999\n", None)
add("infinities", f"a,b\n{WORD},inf\nx,-Infinity\ny,nan\n", None)
add("mixed types", f"a,b\n{WORD},1\nx,two\ny,2001-01-01\nz,True\n", None)
add("numbers of other scripts", f"a,b\n{WORD},١٢٣\nx,\uff11\uff12\n", None)
add("grouped digits", f'a,b\n{WORD},"1,234"\nx,"1 234"\n', None)
add("dates before 1677", f"a,b\n{WORD},1500-01-01\nx,0001-01-01\n", None)
add("impossible dates", f"a,b\n{WORD},2001-02-30\nx,0000-00-00\n", None)
add("emoji", f"a,b\n👩‍👩‍👧{WORD},1\n\u202eabc,2\n", None)
add("formulas", f"a,b\n=cmd|' /C calc'!A0,1\n@{WORD},2\n", None)
add("field of a megabyte", f"a,b\n{WORD * 150_000},1\nx,2\n", None)
add(
    "ten thousand categories",
    "a,b\n" + "".join(f"{WORD}{i},{i}\n" for i in range(10_000)),
    None,
)
add("all unique", "a,b\n" + "".join(f"u{i}{WORD},{i}.5\n" for i in range(60)), None)
add("constant", "a,b\n" + f"{WORD},{NUMBER}\n" * 60, None)

# --- what is no table --------------------------------------------------------------

add("JSON in a CSV file", f'{{"a": "{WORD}", "b": 1}}')
add("HTML in a CSV file", f"<html><body>{WORD}</body></html>")
add("gzip in a CSV file", gzip.compress(PLAIN.encode(), mtime=0), "cannot be read")
add("CSV in a gzip file", PLAIN, "cannot be read", "t.csv.gz")
add("CSV in a Parquet file", PLAIN, "arquet", "t.parquet")
add("empty Parquet file", b"", "arquet", "t.parquet")
add("text file", PLAIN, "not supported", "t.txt")
add("spreadsheet", b"PK\3\4" + WORD.encode(), "not supported", "t.xlsx")
add("no suffix", PLAIN, "not supported", "table")
add("capital suffix", PLAIN, None, "T.CSV")
add("hidden file", PLAIN, None, ".csv")


@nasty(None)
def _gzip_with_several_members(folder):
    path = folder / "t.csv.gz"
    half = len(PLAIN) // 2
    parts = (PLAIN[:half], PLAIN[half:])
    path.write_bytes(b"".join(gzip.compress(p.encode(), mtime=0) for p in parts))
    return path


@nasty("cannot be read")
def _truncated_gzip(folder):
    path = folder / "t.csv.gz"
    whole = gzip.compress(os.urandom(5000).hex().encode())
    path.write_bytes(whole[: len(whole) // 2])
    return path


@nasty("cannot be read")
def _zip_in_a_csv_file(folder):
    path = folder / "t.csv"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("t.csv", PLAIN)
    path.write_bytes(made.getvalue())
    return path


def parquet(folder, frame):
    path = folder / "t.parquet"
    try:
        frame.to_parquet(path, index=False)
    except ImportError:  # then every Parquet file is refused as such
        path.write_bytes(b"PAR1")
    return path


@nasty("arquet")
def _truncated_parquet(folder):
    path = parquet(folder, pd.DataFrame({"a": [WORD] * 500, "b": range(500)}))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


@nasty("arquet")
def _parquet_with_a_spoilt_middle(folder):
    path = parquet(folder, pd.DataFrame({"a": [f"{WORD}{i}" for i in range(500)]}))
    whole = bytearray(path.read_bytes())
    whole[4:200] = b"\xff" * 196
    path.write_bytes(bytes(whole[: max(len(whole), 4)]))
    return path


@nasty()
def _parquet_with_lists(folder):
    return parquet(folder, pd.DataFrame({"a": [[WORD], [], [NUMBER and "x"]] * 20}))


@nasty()
def _parquet_with_mappings(folder):
    return parquet(folder, pd.DataFrame({"a": [{"x": WORD}] * 30, "b": range(30)}))


@nasty()
def _parquet_with_the_first_and_last_years(folder):
    ends = np.array(["0001-01-01", "9999-12-31", "2001-01-01"], "datetime64[us]")
    return parquet(
        folder, pd.DataFrame({"a": ["x", WORD, "y"] * 20, "b": [*ends] * 20})
    )


@nasty()
def _parquet_with_a_number_for_a_name(folder):
    frame = pd.DataFrame({"a": [WORD, "x"] * 30, "b": [NUMBER, 1] * 30})
    return parquet(folder, frame)


@nasty("no such table file")
def _missing(folder):
    return folder / "t.csv"


@nasty("no such table file")
def _folder(folder):
    (folder / "t.csv").mkdir()
    return folder / "t.csv"


@nasty("no such table file")
def _link_to_nothing(folder):
    (folder / "t.csv").symlink_to(folder / "gone.csv")
    return folder / "t.csv"


@nasty("no such table file")
def _link_to_itself(folder):
    (folder / "t.csv").symlink_to(folder / "t.csv")
    return folder / "t.csv"


@nasty("no such table file")
def _links_in_a_circle(folder):
    (folder / "t.csv").symlink_to(folder / "u.csv")
    (folder / "u.csv").symlink_to(folder / "t.csv")
    return folder / "t.csv"


@nasty(None)
def _link_to_a_table(folder):
    (folder / "real.csv").write_text(PLAIN)
    (folder / "t.csv").symlink_to(folder / "real.csv")
    return folder / "t.csv"


@nasty("no such table file")
def _pipe(folder):
    os.mkfifo(folder / "t.csv")
    return folder / "t.csv"


@nasty("no such table file")
def _device(folder):
    (folder / "t.csv").symlink_to("/dev/zero")
    return folder / "t.csv"


@nasty("File name too long")
def _name_of_a_thousand_characters(folder):
    return folder / f"{'n' * 1000}.csv"


@nasty(None)
def _strange_file_name(folder):
    path = folder / " [red]'\n\"💥.csv"
    path.write_text(PLAIN)
    return path


@nasty("no such table file")
def _file_in_a_file(folder):
    (folder / "t.csv").write_text(PLAIN)
    return folder / "t.csv" / "u.csv"
