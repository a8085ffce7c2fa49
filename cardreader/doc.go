// Package cardreader turns the card in a reader at the counter into a Credential and tells the rest of the house when it
// comes and goes.
//
// A Reader owns one port in one goroutine: it opens the port and keeps trying while the device is away, watches the slot,
// reads a card once when it comes, and publishes events. Its sequence number rises with every insertion, removal, fault and
// re-opening, so whoever remembers the number under which a card was matched can tell that the very same card is still in
// the slot, even if another was there for a moment in between.
//
// Four layers lie below: the line (serialport), its frames (gempc, acs, idcard, scanner), the reader's commands (ccid), and the
// card (apdu, sscard). Package virtual is the other end of the same line.
//
// Readers of social security cards and of identity documents give a Credential, scanners a Scan: a code that comes out once.
//
// What the identity check needs is read first and published as soon as two readings agree; the rest follows while the POS
// already has it. That completes the credential in Status under the same sequence number and without another event.
//
// # Devices, and how sure their bytes are
//
// Nobody certified this package with a maker. What a driver knows of its device has one of these grounds:
//
//	run         seen on the line against software that others wrote, in the tests
//	published   frames printed by a maker or a standard; the tests take them byte for byte
//	described   rules, not frames, in a manual or in the source of a driver; our frames are computed from them
//	inferred    concluded from the above; both ends could be wrong in the same way, since the virtual twin is ours too
//
//	kind      device                         fact                                                     ground
//	gempc     GemPC Twin family,             frames, status, power, parameters, PPS, T=0, T=1         run (pcscd with libccidtwin)
//	          115200 8N2, contacts           NAK, resend, time request, slot change, no echo          described (libccid)
//	                                         a card that is swapped shows as without power            inferred (CCID class)
//	acs       ACR1281S and ACR1281S-C1,      frame, checksum, power, exchange, pseudo commands        published (twelve frames)
//	          9600 8N1, slot with contacts   status frames, events, request to repeat, line speeds    published, described
//	          and one without                bStatus of an empty slot; a social card without contacts inferred
//	acs       ACR122S, 9600 8N1,             envelope FF 00 00 00, module's slot first, firmware text described (manual, libnfc)
//	          without contacts               commands of the PN532 and their status                   described (libnfc, NXP manual)
//	                                         sign of life, field off before each list, 61xx; readings inferred, frames computed
//	sdt       SAM_V modules of any maker,    find, select, read and their usual answers               published
//	          115200 8N1                     text block of the four documents, latest address         two sources each
//	                                         silence after a reading until the document is lifted     described, differs by maker
//	scanner   serial scanners, 9600 8N1      CR, LF, CRLF, prefix, AIM identifier                     described (makers' manuals)
//	                                         medical insurance code: 424 or opc, 28 characters        described, once
//	          magnetic stripe readers        track 2 of ISO 7813, MagTek and ID TECH forms            described
//	(card)    social security card 1.00,     sample record of the terminal standard                   published
//	          2.00, 3.00                     selection, tags, lengths, coding of EF05 and EF06        two sources each
//	                                         the virtual card at the level of commands                run (vpcd with opensc-tool)
//	                                         6982 of EF06 on a 3.00 card without authentication       inferred
//	(card)    resident health card           file names, enough to tell it from others                two sources
//
// Limits. The protocols of Decard, Mingtech, Mingwah, Huada HD-100 and the social card side of the identity card readers are not
// public; their devices work here only where they speak one of the above. There is no vendor library behind this package and
// no security module: a 3.00 card gives its identifier and number and nothing of its holder. Of cards without contacts, those of
// ISO 14443 type A that speak ISO 14443-4 are read; type B is not looked for, and no public record of a reading of a
// social security card on the air was found. On an ACR122S a command above 252 bytes goes in pieces, which no command of this
// package needs; an ACR122L's further lines for modules and display are not used. Photographs stay in their closed format.
//
// # Decisions
//
// A person's data is in Credential and nowhere else. It masks itself in every kind of printing, logging and marshalling; code
// that needs a value names the field. Errors, faults, events and metrics never carry one.
package cardreader
