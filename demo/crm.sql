-- SPDX-License-Identifier: BSD-2-Clause
-- The CRM as its vendor made it, with two accounts that sales people have typed in before: one is known to the ERP (number 10006),
-- of the other the ERP knows nothing.
CREATE TABLE accounts(
  id INTEGER PRIMARY KEY, ext_id TEXT UNIQUE, org TEXT NOT NULL, erp_no TEXT, name TEXT NOT NULL, stage TEXT, phone TEXT, email TEXT,
  street TEXT, zip TEXT, city TEXT, country TEXT, vat_id TEXT, iban TEXT, customer_since DATE, revenue TEXT, tier TEXT,
  active INTEGER NOT NULL DEFAULT 1);
CREATE TABLE orders(
  id INTEGER PRIMARY KEY, ext_id TEXT UNIQUE, org TEXT NOT NULL, number TEXT NOT NULL, date DATE, status TEXT, amount TEXT,
  account_id INTEGER NOT NULL REFERENCES accounts(id), lines JSON, invoice TEXT);
INSERT INTO accounts(org, erp_no, name, stage, phone, city, country) VALUES
  ('ber', '10006', 'Lesezeichen (Buchladen)', 'won', '0341 21 56 67 99', 'Leipzig', 'DE'),
  ('ber', NULL, 'Messekontakt Grüne Woche', 'lead', '030 111213', 'Berlin', 'DE');
