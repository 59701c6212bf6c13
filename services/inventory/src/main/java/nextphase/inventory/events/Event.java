package nextphase.inventory.events;

import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * A CloudEvent as a consumer sees it; id and source together say which one it is.
 *
 * @param delivery Rio's webhook-id: the same for every attempt to deliver the event to this path, another one for
 *     another path and for each replay; null where the request has none
 */
public record Event(String id, String source, String type, ObjectNode data, String delivery) {}
