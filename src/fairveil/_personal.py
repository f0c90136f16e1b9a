"""Columns that hold personal data, recognised by their names alone.

Public: column names are public, and no value is looked at: to refuse a table for what
its rows hold would tell of them. A name is cut into words (``lastName``, ``last_name``,
``Last Name``); one column out of many languages' words is enough.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# by what a column holds: names of columns, words joined without gaps
_WORDS: dict[str, str] = {
    "first name": (
        "firstname fname forename givenname middlename vorname prenom nombredepila "
        "primernombre segundonombre primeironome voornaam fornamn fornavn etunimi imie "
        "primonome nomedibattesimo prenume keresztnev jmeno"
    ),
    "last name": (
        "lastname lname surname familyname maidenname nachname familienname "
        "geburtsname nomdefamille nomdenaissance apellido apellidos primerapellido "
        "segundoapellido sobrenome apelido cognome achternaam efternamn efternavn "
        "sukunimi nazwisko prijmeni vezeteknev soyad soyadi"
    ),
    "name": (
        "name nome fullname patientname customername clientname personname "
        "employeename studentname membername contactname legalname nom nomcomplet "
        "nombre nombrecompleto nomecompleto nomeecognome vollername patientenname naam "
        "volledigenaam namn fulltnavn nimi imieinazwisko nomepaciente nompatient "
        "adsoyad 姓名 名字 氏名 名前 이름 성명 имя фио фамилия"
    ),
    "e-mail": (
        "email emails emailaddress mailaddress emailadresse mailadresse courriel "
        "adressemail adresseemail correo correoelectronico emailcorreo "
        "indirizzoemail emailadres epost epostadress sahkoposti adresemail 邮箱 "
        "电子邮件 メール メールアドレス 이메일 почта"
    ),
    "phone": (
        "phone phonenumber phoneno telephone telephonenumber tel telno cellphone "
        "cellnumber mobilephone mobilenumber mobileno fax faxnumber telefon "
        "telefonnummer handynummer mobilnummer numerodetelephone "
        "telefono numerodetelefono movil celular telefone telemovel cellulare "
        "telefoonnummer telefoon puhelin numertelefonu 电话 手机 手机号 電話 電話番号 "
        "전화번호 телефон"
    ),
    "address": (
        "address addr streetaddress homeaddress postaladdress mailingaddress "
        "addressline addressline1 addressline2 street streetname housenumber adresse "
        "anschrift wohnadresse strasse hausnummer rue adressepostale direccion "
        "domicilio calle endereco morada rua indirizzo adres straat "
        "huisnummer adress gatuadress osoite ulica 地址 住址 住所 주소 адрес"
    ),
    "national number": (
        "ssn socialsecuritynumber socialsecurityno socialsecurity nationalid "
        "nationalidnumber nationalinsurancenumber nino nhsnumber nhsno taxid "
        "taxidnumber taxpayerid itin sozialversicherungsnummer svnr svnummer "
        "steuernummer steuerid steueridentifikationsnummer personalausweisnummer "
        "krankenversicherungsnummer numerosecuritesociale numerodesecuritesociale "
        "dni nif curp cpf cnpf codicefiscale bsn burgerservicenummer "
        "personnummer fodselsnummer cprnummer henkilotunnus pesel rodnecislo cnp "
        "aadhaar aadhaarnumber mynumber 身份证 身份证号 身份证号码 マイナンバー "
        "주민등록번호 инн снилс"
    ),
    "passport": (
        "passport passportnumber passportno reisepassnummer passnummer "
        "numerodepasseport numeropasaporte pasaporte passaporto passaporte "
        "driverslicense driverslicensenumber driverlicense drivinglicence "
        "driverlicensenumber licenseplate numberplate 护照号"
    ),
    "bank account": (
        "iban bankaccount bankaccountnumber accountnumber accountno kontonummer "
        "bankverbindung numerodecompte numerodecuenta contabancaria 银行账号"
    ),
    "card": "creditcard creditcardnumber cardnumber kreditkarte kreditkartennummer cvv",
    "user name": "username userhandle screenname benutzername twitterhandle",
    "network address": "ipaddress ipaddr ipv4 ipv6 macaddress adresseip ipadresse",
}
_BY_WORD = {word: what for what, words in _WORDS.items() for word in words.split()}
_OF_WHOM = (
    *("patient", "patients", "customer", "client", "person", "employee", "student"),
    *("member", "contact", "applicant", "mother", "mothers", "father", "fathers"),
    *("parent", "spouse", "guardian", "doctor", "physician", "user", "home", "work"),
    *("primary", "secondary", "patienten", "kunden"),
)
_BORDERS = re.compile(r"[^\w]+|_+|(?<=[a-z])(?=[A-Z])")


def personal(name: str) -> str | None:
    """What personal data a column of this name would hold; None: none is known.

    >>> personal("lastName"), personal("E-Mail"), personal("age")
    ('last name', 'e-mail', None)
    """
    words = [_plain(word) for word in _BORDERS.split(name) if word]
    found = _known(words)
    while found is None and len(words) > 1 and words[0] in _OF_WHOM:
        words = words[1:]
        found = _known(words)
    return found


def _known(words: list[str]) -> str | None:
    joined = "".join(words)
    return _BY_WORD.get(joined) or _BY_WORD.get(joined.rstrip("0123456789"))


def personal_columns(names: Iterable[str]) -> dict[str, str]:
    """Of columns, those with personal data: what each holds, by name."""
    found = ((name, personal(name)) for name in names)
    return {name: what for name, what in found if what is not None}


def _plain(word: str) -> str:
    """Lower case, without accents, so that Prénom is prenom."""
    parts = unicodedata.normalize("NFKD", word.lower().replace("ß", "ss"))
    plain = "".join(sign for sign in parts if not unicodedata.combining(sign))
    return plain.replace("ø", "o").replace("ł", "l").replace("\u0131", "i")
