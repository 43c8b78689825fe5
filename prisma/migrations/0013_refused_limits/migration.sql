-- A refusal that one process met must hold for all: when limits were exceeded, and how often in a row Apple said 429.
ALTER TABLE "token_gate" ADD COLUMN "refusals" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN "limits_refused_at" TIMESTAMPTZ(3);
