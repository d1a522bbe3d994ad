"""The columns of a file of cases: ours, whatever the creditor calls them. The documentation's table is made from this."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """holds: what its cells say. required: in the header, and filled in every row. alias: what offices call it."""

    holds: str
    required: bool = False
    alias: tuple[str, ...] = ()


COLUMNS: dict[str, Column] = {
    "creditor": Column("the creditor's name", True, ("mandante", "cliente mandante", "committente")),
    "debtor_reference": Column(
        "the creditor's key of the debtor", True, ("codice cliente", "cod cliente", "cod cli", "id cliente", "ndg")
    ),
    "debtor_name": Column(
        "whom the agent asks for",
        True,
        ("debitore", "nominativo", "intestatario", "ragione sociale", "cognome e nome", "cognome", "nome"),
    ),
    "debt_reference": Column(
        "the creditor's key of the debt; unique with the creditor",
        True,
        ("pratica", "posizione", "numero pratica", "num pratica", "fattura", "numero fattura", "contratto"),
    ),
    "amount": Column(
        "what is owed, as 1.234,56 or 1234.56", True, ("importo", "totale", "saldo", "insoluto", "debito", "da pagare")
    ),
    "currency": Column("ISO 4217; EUR if empty", alias=("valuta", "divisa")),
    "due_on": Column(
        "day on which it was due, as 31/01/2026 or 2026-01-31", alias=("scadenza", "data scadenza", "data scad")
    ),
    "phone_1": Column(
        "first number to try, as +39 347 1234567 or 02 12345678; several in a cell with / between. "
        "A row needs a number in one of the three",
        True,
        ("telefono", "tel", "telefono 1", "tel 1", "cellulare", "cell", "recapito"),
    ),
    "phone_2": Column("second number", alias=("telefono 2", "tel 2", "cellulare 2", "cell 2", "fisso")),
    "phone_3": Column("third number", alias=("telefono 3", "tel 3")),
    "workplace_phone": Column(
        "a number at the debtor's work, tried last; rules for workplaces hold", alias=("tel ufficio", "tel lavoro")
    ),
    "zone": Column(
        "the debtor's time zone (IANA); else --zone, else Europe/Rome if every number is +39, else unknown",
        alias=("fuso orario",),
    ),
    "language": Column("ISO 639-1; --language if empty", alias=("lingua",)),
    "household": Column("a key that debtors who live together share: they are called one at a time", alias=("nucleo",)),
    "place": Column("where the address is: country and part (ISO 3166-2), as IT-RM, US-MA or US-NY-NYC"),
    "debtor_kind": Column(
        "person or company; if empty, a company where the tax code has 11 digits", alias=("tipo", "natura giuridica")
    ),
    "tax_code": Column(
        "codice fiscale or partita IVA; its check is checked",
        alias=("codice fiscale", "cod fiscale", "cf", "c f", "partita iva", "p iva", "cf piva"),
    ),
    "pec": Column(
        "the debtor's address of certified mail (domicilio digitale)",
        alias=("indirizzo pec", "email pec", "mail pec", "domicilio digitale"),
    ),
    "street": Column("street and number of the address", alias=("indirizzo", "via", "residenza")),
    "postal_code": Column("its postal code", alias=("cap",)),
    "city": Column("its city", alias=("citta", "città", "comune", "localita", "località")),
    "province": Column("its province, as RM", alias=("prov", "provincia", "pr")),
    "principal": Column("of the amount: principal. Where parts are given they add up to it", alias=("capitale",)),
    "interest": Column("of the amount: interest", alias=("interessi", "interessi mora")),
    "fees": Column("of the amount: the creditor's fees", alias=("commissioni", "oneri", "penali")),
    "costs": Column("of the amount: costs of collection", alias=("spese", "spese recupero", "spese legali")),
    "limitation_on": Column("last day on which it can be claimed, as the creditor says", alias=("prescrizione",)),
    "limitation_years": Column("for how many years the law gives it anew after what interrupts it (1 to 30)"),
    "guarantor_name": Column("who answers for it beside the debtor", alias=("garante", "fideiussore", "coobbligato")),
    "guarantor_tax_code": Column("the guarantor's tax code", alias=("cf garante",)),
    "guarantor_phone": Column("the guarantor's numbers: kept, and not called", alias=("tel garante",)),
    "guarantor_2_name": Column("a second one", alias=("garante 2", "coobbligato 2")),
    "guarantor_2_tax_code": Column("the second one's tax code", alias=("cf garante 2",)),
    "guarantor_2_phone": Column("the second one's numbers", alias=("tel garante 2",)),
    "mandate": Column("the creditor's reference of the mandate", alias=("mandato", "lotto", "affido")),
    "risk_class": Column("the creditor's own word", alias=("rischio", "classe rischio", "score")),
    "income_class": Column("the creditor's own word", alias=("reddito", "fascia reddito")),
    "note": Column("what the creditor wrote about the case", alias=("note", "annotazioni", "osservazioni")),
    "assigned_npl": Column("yes where a bank or its like sold the debt as non-performing (Italy: TUB art. 114.10)"),
    "assignment_notice_sent": Column("yes once the debtor was told of the assignment in writing"),
    "first_notice_sent_on": Column("day on which the first letter was sent (Ontario: six days before the first call)"),
}
PHONES = ("phone_1", "phone_2", "phone_3", "workplace_phone")
PARTS = ("principal", "interest", "fees", "costs")
GUARANTORS = ("guarantor", "guarantor_2")
PAYMENT_COLUMNS: dict[str, Column] = {
    "creditor": COLUMNS["creditor"],
    "debt_reference": Column("the creditor's key of the debt", True, COLUMNS["debt_reference"].alias),
    "payment_reference": Column(
        "the creditor's or the bank's key of the payment, unique with the creditor: it counts once",
        True,
        ("riferimento", "numero pagamento", "id pagamento", "cro", "trn", "quietanza"),
    ),
    "amount": Column(
        "what was paid, above zero; below zero where it was taken back",
        True,
        ("importo", "incasso", "pagato", "versato"),
    ),
    "currency": COLUMNS["currency"],
    "paid_on": Column("the day of it", True, ("data", "data pagamento", "data incasso", "data valuta", "data reso")),
    "method": Column(
        "bank_transfer, card, direct_debit, postal, cash or other; unknown if empty",
        alias=("metodo", "canale", "modalita"),
    ),
    "receipt": Column("the terminal's reference of a card payment; never a card's number", alias=("ricevuta",)),
}
FLAG_COLUMNS: dict[str, Column] = {
    "creditor": COLUMNS["creditor"],
    "debtor_reference": COLUMNS["debtor_reference"],
    "flag": Column(
        "what stops calls, as the packs name it (dispute, attorney, deceased, bankruptcy, moratorium, …) or in Italian "
        "(contestazione, avvocato, deceduto, fallimento, moratoria, …)",
        True,
        ("stato", "motivo", "causale", "segnalazione", "blocco"),
    ),
    "phone": Column("one of the debtor's numbers, where it is about that alone", alias=COLUMNS["phone_1"].alias),
    "until": Column("the last day on which it stands; until it is lifted if empty", alias=("fino al", "scadenza")),
    "lifted": Column("yes where it stands no more", alias=("revocato", "rimosso")),
    "evidence": Column("what shows it, as a letter's date", alias=("documento", "note", "riferimento")),
}
LETTER_COLUMNS: dict[str, Column] = {
    "letter": Column("the letter, as 17-1", True, ("lettera", "riferimento", "nostro riferimento")),
    "tracking": Column(
        "the number of the registered letter, or the PEC's", alias=("raccomandata", "numero raccomandata")
    ),
    "sent_on": Column("the day on which it was sent", alias=("spedita", "data spedizione", "spedita il")),
    "received_on": Column("the day on which it was received", alias=("consegnata", "data consegna", "ricevuta il")),
    "returned_on": Column("the day on which it came back undelivered", alias=("restituita", "data restituzione")),
    "kind": Column("reminder, registered or pec"),
    "file": Column("its PDF, in the same folder"),
    "name": Column("to whom"),
    "street": Column("street and number"),
    "postal_code": Column("postal code"),
    "city": Column("city"),
    "province": Column("province, as RM"),
    "country": Column("country (ISO 3166)"),
    "pec": Column("where a PEC goes"),
    "tax_code": Column("by which its address is found in the public register where none is known"),
}
REJECTED = (
    "rejected_file",
    "rejected_row",
    "rejected_column",
    "rejected_value",
    "rejected_reason",
    "rejected_remedy",
)
"""What a file of rejects holds beside the file's own columns. An import passes over them."""
