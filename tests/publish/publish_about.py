"""The words that the certificates of these tests carry; one of them could be markup."""

ABOUT = {"name": "Survey <b>", "steward": "The office", "purpose": "Teaching"}
