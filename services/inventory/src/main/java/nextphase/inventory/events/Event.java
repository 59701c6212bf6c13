package nextphase.inventory.events;

import com.fasterxml.jackson.databind.node.ObjectNode;

/** A CloudEvent as a consumer sees it; id and source together say which one it is. */
public record Event(String id, String source, String type, ObjectNode data) {}
