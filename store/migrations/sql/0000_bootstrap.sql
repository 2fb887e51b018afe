-- Before the first migration: the owner of everything, and the schema that Alembic notes its
-- version in. Roles belong to the whole server, so another database may have made them already;
-- two databases migrated at once may even race for them.
do $$
begin
    begin
        if not exists (select from pg_roles where rolname = 'fleetlog_owner') then
            create role fleetlog_owner nologin;
        end if;
    exception when duplicate_object or unique_violation then null;
    end;
    -- The migrating role must be able to create things as their owner.
    if not (select rolsuper from pg_roles where rolname = current_user) then
        execute format('grant fleetlog_owner to %I', current_user);
    end if;
    create schema if not exists fleetlog authorization fleetlog_owner;
end
$$;
