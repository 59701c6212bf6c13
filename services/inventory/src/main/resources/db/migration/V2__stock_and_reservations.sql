CREATE TABLE stock (
    sku text COLLATE "C" PRIMARY KEY,
    on_hand integer NOT NULL CHECK (on_hand >= 0),
    reserved integer NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    CONSTRAINT never_oversold CHECK (reserved <= on_hand)
);

-- One row an order, whatever became of it: an order is answered once.
CREATE TABLE reservation (
    order_id uuid PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('reserved', 'rejected')),
    reason text CHECK ((reason IS NOT NULL) = (state = 'rejected')),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What the order asked for; a sku the stock does not know has its line, too, so it refers to no stock row.
CREATE TABLE reservation_line (
    order_id uuid NOT NULL REFERENCES reservation,
    sku text COLLATE "C" NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, sku)
);
