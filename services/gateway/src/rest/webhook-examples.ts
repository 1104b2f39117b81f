/** A webhook and what it sent, as the document's examples tell of them. */
export const exampleWebhook = {
  id: "whk_9rTq2VwXyZ0aBcDe4fGhIj",
  accountId: "ada",
  url: "https://hooks.example.org/postern",
  types: ["message.created" as const],
  mailboxes: null,
  payload: "full" as const,
  name: null,
  state: "active" as const,
  disabledReason: null,
  createdAt: "2026-03-02T09:14:58.000Z",
  updatedAt: "2026-03-02T09:14:58.000Z",
};

export const exampleDelivery = {
  id: "dlv_ada.3-42",
  eventId: "3-42",
  type: "message.created",
  state: "delivered" as const,
  attempts: 1,
  status: 204,
  error: null,
  at: "2026-03-02T09:15:07.000Z",
  nextAttemptAt: null,
};
